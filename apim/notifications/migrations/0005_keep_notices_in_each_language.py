from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notifications', '0004_choose_mails_about_jobs'),
    ]

    operations = [
        migrations.AddField(
            model_name='notification',
            name='in_others',
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
    ]
