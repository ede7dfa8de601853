from django.db import migrations, models


def begin_where_numbers_begin(apps, editor):
    """Of boots that are said to lack their first numbers nobody knows whether they were let go: tell that no more."""
    boots = apps.get_model('usage', 'ReceivedBoot').objects.using(editor.connection.alias)
    for row in boots.filter(gap_since__isnull=False).iterator():
        runs = row.received.split(',')
        first = int(runs[0].split('-')[0] or 1)
        if first > 1:
            row.gaps_from = first
            row.gap_since = row.gap_since if len(runs) > 1 else None
            row.save(update_fields=['gaps_from', 'gap_since'])


class Migration(migrations.Migration):

    dependencies = [
        ('usage', '0010_fill_application_months'),
    ]

    operations = [
        migrations.AddField(
            model_name='receivedboot',
            name='gaps_from',
            field=models.PositiveBigIntegerField(db_default=1, default=1),
        ),
        migrations.RunPython(begin_where_numbers_begin, migrations.RunPython.noop),
    ]
