"""What a person can see and change, found out by the very functions that guard pages, REST and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Membership, Organization, Team, User
from apim.accounts.permissions import is_admin, organization_ids, owns_anything
from apim.audit.models import AuditEvent
from apim.billing.models import Invoice
from apim.catalog.models import API
from apim.console.rail import SECTIONS, Section
from apim.gateways.models import Certificate, Environment, Gateway, Host
from apim.notifications.models import Message
from apim.products.models import Plan, Product

SHOWN: Final = 12
NOUNS: Final[tuple[tuple[Any, type[Model]], ...]] = (
    (_("Organizations"), Organization),
    (_("APIs"), API),
    (_("Products"), Product),
    (_("Plans"), Plan),
    (_("Teams"), Team),
    (_("Applications"), Application),
    (_("Credentials"), Credential),
    (_("Subscriptions"), Subscription),
    (_("Invoices"), Invoice),
    (_("People"), User),
    (_("Environments"), Environment),
    (_("Gateways"), Gateway),
    (_("Hosts"), Host),
    (_("Certificates"), Certificate),
    (_("Audit events"), AuditEvent),
    (_("Mails"), Message),
)


@dataclass(frozen=True, slots=True)
class Noun:
    """Rows of a kind. Shapes: labels are of the first SHOWN; editable None = rows of this kind are never changed so."""

    title: str
    visible: int
    editable: int | None
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Place:
    """An organization, and what the person may do for it. Shapes: team is what people call it, "" = bound to none."""

    membership: Membership
    may_publish: bool
    may_lead: bool
    team: str


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything that a person can see."""

    nouns: Sequence[Noun]
    places: Sequence[Place]
    sections: Sequence[tuple[Section, bool]]


def sight_of(person: User) -> Sight:
    """What the person can see and change, and which pages let them in. A fixed number of queries."""
    publishes = owns_anything(person)
    administers = is_admin(person)
    sections = [(section, administers if section.is_for_admins else publishes) for section in SECTIONS]
    return Sight([_noun(title, model, person) for title, model in NOUNS], _places(person), sections)


def _noun(title: object, model: type[Model], person: User) -> Noun:
    rows = getattr(model, "objects")  # noqa: B009 - each of NOUNS has one with visible_to
    visible = rows.visible_to(person)
    editable = rows.editable_by(person).count() if hasattr(rows.all(), "editable_by") else None
    related = [field.name for field in model._meta.concrete_fields if field.is_relation]  # noqa: SLF001 - documented
    labels = [str(row) for row in visible.select_related(*related)[:SHOWN]]
    return Noun(str(title), visible.count(), editable, labels)


def _places(person: User) -> list[Place]:
    owned = {row["organization_id"] for row in organization_ids(person, Membership.Role.OWNER)}
    led = set(Membership.objects.leading(person).values_list("organization_id", flat=True))
    mine = person.memberships.select_related("organization").order_by("organization__name")
    teams = {(each.organization_id, each.name): str(each) for each in Team.objects.visible_to(person)} if mine else {}
    return [
        Place(
            row,
            row.organization_id in owned,
            row.organization_id in led,
            teams.get((row.organization_id, row.team), row.team),
        )
        for row in mine
    ]
