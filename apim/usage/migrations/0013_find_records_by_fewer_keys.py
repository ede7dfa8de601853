import time

from django.db import migrations, transaction
from django.db.utils import OperationalError

# On PostgreSQL one unique key does what two indexes did: it begins with the request's id, by which pages look, and tells
# a record from every other as (gateway, boot, number) does, for the id begins with half of the boot, which is random.
# Ids are compared byte by byte, not by the rules of a language.
#
# What takes long is made beside the writers, a part at a time; the table is locked for milliseconds. Each step may be
# taken again after a kill. SQLite keeps what it has.
TABLE = 'usage_usagerecord'
INDEXES = {
    'usage_record_once': (
        'UNIQUE', '(request_id varchar_pattern_ops, seq, gateway_id varchar_pattern_ops, at)', 'once_by_request'
    ),
    'usage_of_application': ('', '(application_id varchar_pattern_ops, at DESC)', 'of_application'),
    'usage_of_version': ('', '(version_id varchar_pattern_ops, at DESC)', 'of_version'),
}
LOCK_MS = 2_000
TRIES = 60
PARTS = "SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE isleaf AND parentrelid IS NOT NULL ORDER BY 1"
BEFORE = """
SELECT index.relname, pg_get_indexdef(index.oid) FROM pg_index JOIN pg_class index ON index.oid = indexrelid
WHERE indrelid = to_regclass(%s)
"""
IS_VALID = 'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)'


def find_by_fewer_keys(apps, editor):
    connection = editor.connection
    if connection.vendor != 'postgresql':
        return
    with connection.cursor() as cursor:
        if is_done(cursor):
            return
        for part in parts(cursor):
            cursor.execute(f'SELECT EXISTS (SELECT FROM {part})')
            if cursor.fetchone()[0]:
                make_beside(cursor, part)
    for tried in range(TRIES):
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                switch(cursor)
            return
        except OperationalError:  # somebody reads for long: others must not wait behind this
            if tried == TRIES - 1:
                raise
            time.sleep(1)


def is_done(cursor):
    cursor.execute(BEFORE, [TABLE])
    return any(name == 'usage_record_once' and 'request_id' in made for name, made in cursor.fetchall())


def parts(cursor):
    cursor.execute(PARTS, [TABLE])
    return [name for (name,) in cursor.fetchall()]


def make_beside(cursor, part):
    for unique, columns, ending in INDEXES.values():
        name = f'{part}_{ending}'
        cursor.execute(IS_VALID, [name])
        found = cursor.fetchone()
        if found and not found[0]:  # of one who was killed
            cursor.execute(f'DROP INDEX CONCURRENTLY {name}')
        if not found or not found[0]:
            cursor.execute(f'CREATE {unique} INDEX CONCURRENTLY {name} ON {part} {columns}')


def switch(cursor):
    cursor.execute(f'SET LOCAL lock_timeout = {LOCK_MS}')
    cursor.execute(f'LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE')  # and its parts
    cursor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS usage_record_once')
    cursor.execute(BEFORE, [TABLE])
    for name, made in cursor.fetchall():
        if name in INDEXES or '(request_id)' in made:
            cursor.execute(f'DROP INDEX "{name}"')
    for name, (unique, columns, ending) in INDEXES.items():
        cursor.execute(f'CREATE {unique} INDEX {name} ON ONLY {TABLE} {columns}')
        for part in parts(cursor):
            of_part = f'{part}_{ending}'
            # Those without rows when it was looked.
            cursor.execute(f'CREATE {unique} INDEX IF NOT EXISTS {of_part} ON {part} {columns}')
            cursor.execute(f'ALTER INDEX {name} ATTACH PARTITION {of_part}')


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('usage', '0012_tell_several_buckets_in_a_row'),
    ]

    operations = [
        migrations.RunPython(find_by_fewer_keys, migrations.RunPython.noop),
    ]
