from django.db import migrations


# A sum that is added to stays in its block where there is room, so that no index hears of it.
TABLES = ('usagerollup', 'latencyrollup', 'callerrollup', 'versionrollup', 'versionlatency', 'siderollup')
LEAVE_ROOM = 'ALTER TABLE usage_{} SET (fillfactor = 70)'
LEAVE_NONE = 'ALTER TABLE usage_{} RESET (fillfactor)'
# Nothing looks for the beginning of a request's id; its other index stays.
BEGINNINGS = """
SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'usage_usagerecord'
"""


def leave_room(apps, editor):
    if editor.connection.vendor == 'postgresql':
        for table in TABLES:
            editor.execute(LEAVE_ROOM.format(table))
        with editor.connection.cursor() as cursor:
            cursor.execute(BEGINNINGS)
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            if name.startswith('usage_usagerecord_request_id') and name.endswith('_like'):
                editor.execute(f'DROP INDEX {editor.quote_name(name)}')


def leave_none(apps, editor):
    if editor.connection.vendor == 'postgresql':
        for table in TABLES:
            editor.execute(LEAVE_NONE.format(table))


class Migration(migrations.Migration):

    dependencies = [
        ('usage', '0005_note_what_was_received'),
    ]

    operations = [
        migrations.RunPython(leave_room, leave_none),
    ]
