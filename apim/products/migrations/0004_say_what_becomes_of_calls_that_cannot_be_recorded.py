"""A plan says whether calls that a gateway has no room to record are refused, as they were, or served."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("products", "0003_say_what_quotas_count_and_do_unconfirmed"),
    ]

    operations = [
        migrations.AddField(
            model_name="planversion",
            name="when_unrecorded",
            field=models.CharField(
                choices=[("refuse", "Refuse"), ("serve", "Serve")], db_default="refuse", default="refuse", max_length=8
            ),
        ),
    ]
