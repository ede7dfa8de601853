from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0009_note_what_gateways_counted"),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="max_revocation_age_s",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
