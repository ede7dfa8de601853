"""Which role may do what, found out from the very querysets that guard pages and the REST API.

Owns: a made-up tenant, of which each role is asked once a process, in a transaction that is taken back. Must not know:
the answers; they are written in each app's visible_to and editable_by alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from apim.access.models import Application
from apim.accounts.models import Membership, Organization, User
from apim.accounts.permissions import is_admin, owns_anything
from apim.catalog.models import API
from apim.console.rail import SECTIONS
from apim.products.models import Plan, Product

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ROLES: Final = (_("Developer in a team"), _("Developer"), _("Owner in a team"), _("Owner"), _("Admin"))
_TEAM: Final = "payments"


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of thing, or a section of pages, and what ROLES may do. Shapes: a cell is `change`, `see` or ""."""

    title: str | _StrPromise
    cells: Sequence[str]
    is_page: bool = False

    @property
    def pairs(self) -> list[tuple[str | _StrPromise, str]]:
        """Each role with its cell."""
        return list(zip(ROLES, self.cells, strict=True))


@cache
def role_matrix() -> tuple[Line, ...]:
    """Every line. It depends on the code alone, so each process asks once; nothing of it stays in the database."""
    with transaction.atomic():
        people, things = _made_up()
        lines = [Line(title, [_cell(person, row) for person in people]) for title, row in things]
        enters = [(owns_anything(person), is_admin(person)) for person in people]
        transaction.set_rollback(True)
    for section in SECTIONS:
        is_open = [administers if section.is_for_admins else publishes for publishes, administers in enters]
        lines.append(Line(section.title, ["see" if each else "" for each in is_open], is_page=True))
    return tuple(lines)


def _cell(person: User, row: Model) -> str:
    rows: Any = getattr(type(row), "objects")  # noqa: B009 - each of these has one with both doors
    if rows.editable_by(person).filter(pk=row.pk).exists():
        return "change"
    return "see" if rows.visible_to(person).filter(pk=row.pk).exists() else ""


def _made_up() -> tuple[list[User], list[tuple[_StrPromise, Model]]]:
    """Somebody of each of ROLES in one tenant, and things of it and of another."""
    mark = f"roles-{secrets.token_hex(8)}"
    mine = Organization.objects.create(name=mark, display_name=mark)
    other = Organization.objects.create(name=f"{mark}-other", display_name=mark)
    in_team, developer, bound, owner, admin = (
        User.objects.create(email=f"{mark}-{number}@example.invalid", is_platform_admin=number == len(ROLES) - 1)
        for number in range(len(ROLES))
    )
    Membership.objects.create(organization=mine, user=in_team, role=Membership.Role.DEVELOPER, team=_TEAM)
    Membership.objects.create(organization=mine, user=developer, role=Membership.Role.DEVELOPER)
    Membership.objects.create(organization=mine, user=bound, role=Membership.Role.OWNER, team=_TEAM)
    Membership.objects.create(organization=mine, user=owner, role=Membership.Role.OWNER)
    colleague = User.objects.create(email=f"{mark}-colleague@example.invalid")
    membership = Membership.objects.create(organization=mine, user=colleague, role=Membership.Role.DEVELOPER)

    def api(name: str, of: Organization, team: str = "") -> API:
        words = {"name": f"{mark}-{name}", "display_name": mark, "visibility": API.Visibility.INTERNAL}
        return API.objects.create(organization=of, team=team, **words)

    def named(model: Any, of: Organization, end: str = "", **more: object) -> Any:
        return model.objects.create(organization=of, name=f"{mark}{end}", display_name=mark, **more)

    things: list[tuple[_StrPromise, Model]] = [
        (_("The organization itself"), mine),
        (_("Members and their roles"), membership),
        (_("APIs of their team"), api("team", mine, _TEAM)),
        (_("APIs of other teams"), api("teams", mine, "cards")),
        (_("Products of the organization"), named(Product, mine, visibility=Product.Visibility.INTERNAL)),
        (_("Plans of the organization"), named(Plan, mine)),
        (_("Applications of the organization"), named(Application, mine)),
        (_("Applications of their team"), named(Application, mine, "-team", team=_TEAM)),
        (_("Applications of other teams"), named(Application, mine, "-teams", team="cards")),
        (_("Another organization"), other),
        (_("Internal APIs of another organization"), api("other", other)),
        (_("Applications of another organization"), named(Application, other)),
    ]
    return [in_team, developer, bound, owner, admin], things
