from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0007_note_clocks_that_are_wrong"),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="access_check",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
    ]
