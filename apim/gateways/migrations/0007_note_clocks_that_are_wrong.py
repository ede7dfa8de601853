from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0006_let_a_worker_or_a_share_try_publications"),
    ]

    operations = [
        migrations.AddField(
            model_name="gateway",
            name="clock_off_s",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="gateway",
            name="clock_wrong_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
