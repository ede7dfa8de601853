"""Teams: made, named anew, and what must be true of a team that something is given to."""

from __future__ import annotations

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apim.accounts.models import Organization, Team
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.listing import enumerated
from apim.validation import require_clean

_LONGEST_NAME = 60


@transaction.atomic
def create_team(*, organization: Organization, by: Actor, name: str = "", display_name: str = "") -> Team:
    """A new team without members. Shapes: a name, which stays, is made of display_name where none is given."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    name = name or slugify(display_name)[:_LONGEST_NAME].strip("-_")
    if not name:
        raise Invalid(
            "accounts.team_unnamed",
            _("Give the team a short name of letters and digits."),
            field="name",
            hint=_("Documents and the command line call it so, such as payments."),
        )
    if Team.objects.filter(organization=organization, name=name).exists():
        raise Conflict(
            "accounts.team_taken",
            _("%(organization)s has a team %(name)s already.") % {"organization": organization, "name": name},
            field="name",
            hint=_("Choose another name."),
        )
    team = Team(organization=organization, name=name, display_name=display_name or name)
    require_clean(team, prefix="accounts")
    team.save(force_insert=True)
    record(by=by, action="team.create", target=team, after=state_of(team), organization_id=organization.pk)
    return team


@transaction.atomic
def rename_team(*, team: Team, display_name: str, by: Actor) -> Team:
    """The team as people call it from now on; its slug stays, since documents and programs use it."""
    team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    before = state_of(team)
    team.display_name = display_name
    require_clean(team, prefix="accounts")
    team.save(update_fields=["display_name"])
    after = state_of(team)
    record(by=by, action="team.rename", target=team, before=before, after=after, organization_id=team.organization_id)
    return team


@transaction.atomic
def adopt_team(*, organization: Organization, name: str, by: Actor) -> bool:
    """True when the organization has a team of this name only from now on; "" is the whole organization.

    For what names a team in good faith: a document of who leads the organization, an invitation of the release before.
    """
    if not name or Team.objects.filter(organization=organization, name=name).exists():
        return False
    create_team(organization=organization, name=name, display_name=name.replace("-", " ").capitalize(), by=by)
    return True


def require_team(organization: Organization, team: str) -> None:
    """Refuse a team that the organization does not have; "" is the whole organization. Runs in a transaction.

    The row is held until the commit, so that nothing is given to a team that is being removed.
    Errors: Invalid accounts.no_such_team, which says what teams there are.
    """
    if not team or Team.objects.select_for_update(no_key=True).filter(organization=organization, name=team).first():
        return
    names = list(Team.objects.filter(organization=organization).values_list("name", flat=True))
    raise Invalid(
        "accounts.no_such_team",
        _("%(organization)s has no team %(name)s.") % {"organization": organization, "name": team},
        field="team",
        hint=_("Its teams are %(names)s.") % {"names": enumerated(names)} if names else _("It has no teams yet."),
    )
