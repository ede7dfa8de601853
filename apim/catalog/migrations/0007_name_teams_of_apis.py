"""A row for each team that APIs name by its slug."""

from django.db import migrations


def name_teams(apps, schema_editor):
    API, Team = apps.get_model("catalog", "API"), apps.get_model("accounts", "Team")
    known = set(Team.objects.values_list("organization_id", "name"))
    found = set(API.objects.exclude(team="").values_list("organization_id", "team").distinct())
    Team.objects.bulk_create(
        [
            Team(organization_id=organization_id, name=slug, display_name=slug.replace("-", " ").capitalize())
            for organization_id, slug in sorted(found - known)
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_name_teams'),
        ('catalog', '0006_name_a_service_for_the_sandbox'),
    ]

    operations = [migrations.RunPython(name_teams, migrations.RunPython.noop)]
