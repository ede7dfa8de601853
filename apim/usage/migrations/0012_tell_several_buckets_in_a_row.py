from django.db import migrations, models

# Rows that are there hold one bucket each, and go on saying so: nothing is rewritten, and the release before adds to
# `calls` alone, which is then what the first bucket of a row has. Without a check: it would read all rows.
MODELS = ('latencyrollup', 'versionlatency')
PLACES = range(1, 16)


class Migration(migrations.Migration):

    dependencies = [
        ('usage', '0011_tell_no_gap_that_may_be_a_purge'),
    ]

    operations = [
        migrations.AddField(model_name=model, name=f'after_{place}', field=models.BigIntegerField(db_default=0))
        for model in MODELS
        for place in PLACES
    ]
