from django.db import migrations, models

# The plan version that calls were made under. Rows that are there name none, and a process of the release before goes on
# making such; what they hold is taken for calls under the plan that their subscription has. SQLite would write the whole
# table anew for a column; the index is made beside those who write, and again after a kill.
COLUMN = 'plan_version_id'
INDEX = 'rollup_of_plan_version'
IS_VALID = 'SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)'


class AddName(migrations.AddField):
    """Adds a column of empty texts."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        connection = schema_editor.connection
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        with connection.cursor() as cursor:
            columns = {each.name for each in connection.introspection.get_table_description(cursor, table)}
        if COLUMN in columns:  # a kill came after it
            return
        if connection.vendor != 'sqlite':
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        schema_editor.execute(
            f"ALTER TABLE {schema_editor.quote_name(table)} ADD COLUMN {COLUMN} varchar(32) DEFAULT '' NOT NULL"
        )


class AddIndexBeside(migrations.AddIndex):
    """Adds an index while others write."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        connection = schema_editor.connection
        if connection.vendor != 'postgresql':
            with connection.cursor() as cursor:
                cursor.execute(f'DROP INDEX IF EXISTS {INDEX}')
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        with connection.cursor() as cursor:
            cursor.execute(IS_VALID, [INDEX])
            found = cursor.fetchone()
            if found and found[0]:
                return
            cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS {INDEX}')
            cursor.execute(
                f'CREATE INDEX CONCURRENTLY {INDEX} ON usage_usagerollup (period, {COLUMN}, at)'
                " WHERE period IN ('hour', 'day')"
            )


class CreateUnlessThere(migrations.CreateModel):
    """Creates a table that a run that was killed may have made."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        if table not in schema_editor.connection.introspection.table_names():
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    atomic = False  # an index is made beside others only outside of a transaction

    dependencies = [
        ('usage', '0013_find_records_by_fewer_keys'),
    ]

    operations = [
        CreateUnlessThere(
            name='PlanMove',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('period', models.CharField(max_length=8)),
                ('at', models.DateTimeField()),
                ('environment_id', models.CharField(max_length=32)),
                ('version_id', models.CharField(blank=True, max_length=32)),
                ('operation', models.CharField(blank=True, max_length=255)),
                ('application_id', models.CharField(blank=True, max_length=32)),
                ('subscription_id', models.CharField(blank=True, max_length=32)),
                ('status', models.PositiveSmallIntegerField()),
                ('code', models.CharField(blank=True, max_length=40)),
                ('plan_version_id', models.CharField(max_length=32)),
                ('named_version_id', models.CharField(blank=True, max_length=32)),
                ('calls', models.PositiveBigIntegerField(default=0)),
                ('request_bytes', models.PositiveBigIntegerField(default=0)),
                ('response_bytes', models.PositiveBigIntegerField(default=0)),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(
                        fields=(
                            'period', 'at', 'environment_id', 'version_id', 'operation', 'application_id',
                            'subscription_id', 'status', 'code', 'plan_version_id', 'named_version_id',
                        ),
                        name='one_plan_move_each',
                    )
                ],
            },
        ),
        AddName(
            model_name='usagerollup',
            name='plan_version_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=32),
        ),
        AddIndexBeside(
            model_name='usagerollup',
            index=models.Index(
                condition=models.Q(('period__in', ('hour', 'day'))),
                fields=['period', 'plan_version_id', 'at'],
                name='rollup_of_plan_version',
            ),
        ),
    ]
