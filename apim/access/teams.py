"""What belongs to the teams of organizations: members, invitations, applications and APIs, counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apim.access.models import Application
from apim.accounts.models import Invitation, Membership, Organization, Team
from apim.catalog.models import API
from apim.listing import enumerated


@dataclass(frozen=True, slots=True)
class TeamLine:
    """A team and how much is its own.

    Shapes: team is None for a slug that the release before wrote while this one began: it counts like any other, and
    gets its row with its first name.
    """

    organization_id: str
    name: str
    team: Team | None
    members: int
    invitations: int
    applications: int
    apis: int

    def __str__(self) -> str:
        return str(self.team or self.name)

    @property
    def is_empty(self) -> bool:
        """True while nothing and nobody is in it."""
        return not (self.members or self.invitations or self.applications or self.apis)


def lines_of(organizations: Iterable[Organization]) -> list[TeamLine]:
    """The teams of the organizations, by name. Five queries."""
    ids = [each.pk for each in organizations]
    rows = {(each.organization_id, each.name): each for each in Team.objects.filter(organization__in=ids)}
    counters = [
        _counted(model, ids, **only)
        for model, only in (
            (Membership, {}),
            (Invitation, {"accepted_at": None}),
            (Application, {}),
            (API, {"archived_at": None}),
        )
    ]
    found = {*rows, *(key for counter in counters for key in counter)}
    lines = [TeamLine(*key, rows.get(key), *(counter[key] for counter in counters)) for key in found]
    return sorted(lines, key=lambda line: (str(line).lower(), line.name))


def line_of(team: Team) -> TeamLine:
    """One team with its counts."""
    return next(line for line in lines_of([team.organization]) if line.name == team.name)


def consequences_of_removing(line: TeamLine) -> tuple[str, ...]:
    """What becomes of what a team has when it is removed, in sentences."""
    if line.is_empty:
        return (_("Nothing and nobody is in it."),)
    told = []
    things = [
        ngettext("%(count)d application", "%(count)d applications", line.applications) % {"count": line.applications},
        ngettext("%(count)d API", "%(count)d APIs", line.apis) % {"count": line.apis},
    ]
    owned = enumerated(words for words, count in zip(things, (line.applications, line.apis), strict=True) if count)
    if owned:
        text = _("What it has goes to the whole organization: %(things)s. Keys go on working.")
        told.append(text % {"things": owned})
    if line.members:
        told.append(
            ngettext(
                "Its %(count)d member stays in the organization and sees all its applications.",
                "Its %(count)d members stay in the organization and see all its applications.",
                line.members,
            )
            % {"count": line.members}
        )
    if line.members or line.invitations:
        told.append(_("Owners of the team become developers, so that nobody comes to lead the organization by it."))
    return tuple(told)


def _counted(model: Any, organization_ids: list[str], **only: object) -> Counter[tuple[str, str]]:
    rows = model.objects.filter(organization__in=organization_ids, **only).exclude(team="").order_by()
    told = rows.values_list("organization_id", "team").annotate(Count("pk"))
    return Counter({(organization_id, team): number for organization_id, team, number in told})
