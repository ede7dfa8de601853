from django.db import migrations

# Nothing ever read it. The column stays, for a process of the release before still names it.


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0011_give_columns_defaults_in_the_database'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name='creditaccount', name='told_low_at')]
        ),
    ]
