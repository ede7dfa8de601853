from datetime import timedelta

from django.db import migrations, transaction
from django.db.models import Max, Min


# Old processes go on counting into the old tables only while this runs: `manage.py sum_up_usage` afterwards.
PERIODS = ('day', 'hour', 'minute')
STEP = timedelta(days=1)  # a transaction each: who takes in usage waits for no more than that
LOCK = 'LOCK TABLE usage_versionrollup, usage_callerrollup IN SHARE ROW EXCLUSIVE MODE'
FORGET_CALLERS = 'DELETE FROM usage_callerrollup WHERE period = %s AND at >= %s AND at < %s'
FORGET_EVERY = "DELETE FROM usage_versionrollup WHERE version_id = '*' AND period = %s AND at >= %s AND at < %s"
FILL_CALLERS = """
INSERT INTO usage_callerrollup (period, at, environment_id, version_id, application_id, calls, answered, rejected,
    failed, refused, unreached, lost)
SELECT period, at, environment_id, version_id, application_id,
    SUM(CASE WHEN status <> 0 THEN calls ELSE 0 END),
    SUM(CASE WHEN status BETWEEN 1 AND 399 THEN calls ELSE 0 END),
    SUM(CASE WHEN status BETWEEN 400 AND 499 AND code = '' THEN calls ELSE 0 END),
    SUM(CASE WHEN status >= 500 AND code = '' THEN calls ELSE 0 END),
    SUM(CASE WHEN status BETWEEN 400 AND 499 AND code <> '' THEN calls ELSE 0 END),
    SUM(CASE WHEN status >= 500 AND code <> '' THEN calls ELSE 0 END),
    SUM(CASE WHEN status = 0 THEN calls ELSE 0 END)
FROM usage_usagerollup WHERE period = %s AND at >= %s AND at < %s
GROUP BY period, at, environment_id, version_id, application_id
"""
FILL_EVERY = """
INSERT INTO usage_versionrollup (period, at, environment_id, version_id, calls, answered, rejected, failed, refused,
    unreached, lost, request_bytes, response_bytes)
SELECT period, at, environment_id, '*', SUM(calls), SUM(answered), SUM(rejected), SUM(failed), SUM(refused),
    SUM(unreached), SUM(lost), SUM(request_bytes), SUM(response_bytes)
FROM usage_versionrollup WHERE period = %s AND at >= %s AND at < %s
GROUP BY period, at, environment_id
"""


def fill(apps, editor):
    """Day by day, each in a transaction of its own; run again after an end halfway, it makes the same rows."""
    connection = editor.connection
    rollups = apps.get_model('usage', 'UsageRollup').objects.using(connection.alias)
    for period in PERIODS:
        ends = rollups.filter(period=period).aggregate(first=Min('at'), last=Max('at'))
        since = ends['first']
        while since is not None and since <= ends['last']:
            scope = [period, *map(connection.ops.adapt_datetimefield_value, (since, since + STEP))]
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                if connection.vendor == 'postgresql':  # SQLite has one writer anyway
                    cursor.execute(LOCK)
                for statement in (FORGET_CALLERS, FORGET_EVERY, FILL_CALLERS, FILL_EVERY):
                    cursor.execute(statement, scope)
            since += STEP


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('usage', '0003_sum_up_by_caller'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
