"""A row for each team that members and invitations name by its slug; those of APIs follow in catalog 0007."""

from django.db import migrations


def name_teams(apps, schema_editor):
    Team = apps.get_model("accounts", "Team")
    found = set()
    for model in ("Membership", "Invitation"):
        rows = apps.get_model("accounts", model).objects.exclude(team="")
        found.update(rows.values_list("organization_id", "team").distinct())
    Team.objects.bulk_create(
        [
            Team(organization_id=organization_id, name=slug, display_name=slug.replace("-", " ").capitalize())
            for organization_id, slug in sorted(found)
        ],
        batch_size=500,
    )


class Migration(migrations.Migration):

    dependencies = [('accounts', '0005_team')]

    operations = [migrations.RunPython(name_teams, migrations.RunPython.noop)]
