from django.db import migrations, models

# Rows that are there hold one bucket each, and go on saying so: nothing is rewritten, and the release before adds to
# `calls` alone, which is then what the first bucket of a row has. Without a check: it would read all rows.
MODELS = ('latencyrollup', 'versionlatency')
PLACES = range(1, 16)


class AddSum(migrations.AddField):
    """Adds a column of noughts. For SQLite Django would write the whole table anew for each of the thirty."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != 'sqlite':
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        table = schema_editor.quote_name(to_state.apps.get_model(app_label, self.model_name)._meta.db_table)
        column = schema_editor.quote_name(self.name)
        schema_editor.execute(f'ALTER TABLE {table} ADD COLUMN {column} bigint DEFAULT 0 NOT NULL')


class Migration(migrations.Migration):

    dependencies = [
        ('usage', '0011_tell_no_gap_that_may_be_a_purge'),
    ]

    operations = [
        AddSum(model_name=model, name=f'after_{place}', field=models.BigIntegerField(db_default=0))
        for model in MODELS
        for place in PLACES
    ]
