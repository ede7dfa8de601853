from datetime import timedelta

from django.db import migrations, transaction
from django.db.models import Max, Min

# Old processes go on counting into the old tables only while this runs: `manage.py sum_up_usage` afterwards.
LOCK = 'LOCK TABLE usage_applicationmonth IN SHARE ROW EXCLUSIVE MODE'
FORGET = 'DELETE FROM usage_applicationmonth WHERE at = %s'
# Days tell how much. The finest rows that are kept of a day tell when its last call was.
ADD_DAY = """
INSERT INTO usage_applicationmonth (at, environment_id, application_id, calls, days, last_at)
SELECT %s, environment_id, application_id, SUM(CASE WHEN period = 'day' THEN calls ELSE 0 END), %s, MAX(at)
FROM usage_callerrollup
WHERE calls > 0 AND ((period = 'day' AND at = %s) OR (period = 'hour' AND at >= %s AND at < %s)
    OR (period = 'minute' AND at >= %s AND at < %s))
GROUP BY environment_id, application_id HAVING SUM(CASE WHEN period = 'day' THEN calls ELSE 0 END) > 0
ON CONFLICT (at, environment_id, application_id) DO UPDATE SET calls = usage_applicationmonth.calls + excluded.calls,
    days = usage_applicationmonth.days | excluded.days, last_at = excluded.last_at
"""


def fill(apps, editor):
    """Month by month, each in a transaction of its own; run again after an end halfway, it makes the same rows."""
    connection = editor.connection
    adapt = connection.ops.adapt_datetimefield_value
    days = apps.get_model('usage', 'CallerRollup').objects.using(connection.alias).filter(period='day')
    ends = days.aggregate(first=Min('at'), last=Max('at'))
    if ends['first'] is None:
        return
    month = ends['first'].replace(day=1)
    while month <= ends['last']:
        following = (month + timedelta(days=32)).replace(day=1)
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            if connection.vendor == 'postgresql':  # SQLite has one writer anyway
                cursor.execute(LOCK)
            cursor.execute(FORGET, [adapt(month)])
            day = month
            while day < following:
                end = day + timedelta(days=1)
                since, until = adapt(day), adapt(end)
                cursor.execute(ADD_DAY, [adapt(month), 1 << (day.day - 1), since, since, until, since, until])
                day = end
        month = following


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('usage', '0009_sum_up_by_application'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
