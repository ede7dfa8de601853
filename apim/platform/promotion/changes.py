"""What a promotion would change, and why some of it cannot go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from apim.billing.catalogue import obstacle_to_sale
from apim.catalog.models import APIVersion, Revision
from apim.gateways.models import Environment
from apim.platform.promotion.states import KINDS, Item, Key, items_of
from apim.products.models import PlanVersion, ProductItem

_STUCK = {APIVersion.State.RETIRED, APIVersion.State.BLOCKED}


@dataclass(frozen=True, slots=True)
class Field:
    """A field that differs; before is None where the target has nothing."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """An item of the source that the target has otherwise or not at all.

    Shapes: refusal says why it cannot go, "" when it can; page is where that is mended, "" = nowhere in particular.
    """

    item: Item
    before: Mapping[str, Any] | None
    refusal: str = ""
    page: str = ""

    @property
    def id(self) -> str:
        """What names it in a form, a command and the REST API."""
        return f"{self.item.kind}:{self.item.key}"

    @property
    def is_new(self) -> bool:
        """True when the target has nothing of that name."""
        return self.before is None

    @property
    def fields(self) -> list[Field]:
        """The fields that differ, by name."""
        before = self.before or {}
        return [
            Field(name, before.get(name), value)
            for name, value in self.item.state.items()
            if before.get(name) != value or (self.before is None and value not in ("", [], None))
        ]


@dataclass(frozen=True, slots=True)
class Plan:
    """What promoting would do. Shapes: kept = ids of what only the target has, which stays."""

    source: Environment
    target: Environment
    changes: tuple[Change, ...]
    kept: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Says whether the plan is still the one that somebody looked at."""
        told = [[change.id, change.before, change.item.state, change.refusal] for change in self.changes]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def groups(self) -> list[tuple[str, list[Change]]]:
        """The changes by kind."""
        found = [(kind, [change for change in self.changes if change.item.kind == kind]) for kind in KINDS]
        return [(kind, changes) for kind, changes in found if changes]

    @property
    def possible(self) -> list[Change]:
        """Those that can go."""
        return [change for change in self.changes if not change.refusal]

    def revisions(self, chosen: Collection[str] | None = None) -> list[Revision]:
        """Those that would run in the target in place of others; of the chosen changes, None = of all that can go."""
        going = [each for each in self.possible if each.item.kind == "version" and not each.is_new]
        return [each.item.row.revision for each in going if chosen is None or each.id in chosen]


def plan_promotion(source: Environment, target: Environment) -> Plan:
    """What the source has and the target has not, or otherwise. A fixed number of queries."""
    wanted, there = items_of(source), items_of(target)
    different = {key: item for key, item in wanted.items() if key not in there or there[key].state != item.state}
    refusals = _refusals(different, there, target)
    changes = tuple(
        Change(item, there[key].state if key in there else None, *refusals.get(key, ("", "")))
        for key, item in different.items()
        if item.kind != "certificate" or key not in there  # of one that both have, each keeps its own
    )
    kept = tuple(f"{kind}:{key}" for kind, key in there if (kind, key) not in wanted)
    return Plan(source, target, changes, kept)


def _refusals(
    different: Mapping[Key, Item], there: Mapping[Key, Item], target: Environment
) -> dict[Key, tuple[str, str]]:
    """Why items cannot go, and the page that mends it."""
    found: dict[Key, tuple[str, str]] = {}
    plans = _plans_at_fault(item.row.version_id for item in different.values() if item.kind == "version")
    for key, item in different.items():
        if item.kind == "certificate" and key not in there:
            text = gettext("Private keys are not carried between environments. Add a certificate of this name there.")
            found[key] = (text, "/console/admin/new-certificate")
        elif item.kind == "host" and item.row.certificate_source == "acme" and not target.acme_directory:
            text = gettext("%(environment)s has no certificate authority (ACME), from which this host has its own.")
            found[key] = (text % {"environment": target}, f"/console/admin/environments/{target.name}")
        elif item.kind == "version":
            refusal = _refusal_of_version(item, there, plans)
            if refusal[0]:
                found[key] = refusal
    return found


def _refusal_of_version(item: Item, there: Mapping[Key, Item], plans: Mapping[str, str]) -> tuple[str, str]:
    version, revision = item.row.version, item.row.revision
    page = f"/console/apis/{version.api.name}/versions/{version.name}"
    if version.state in _STUCK:
        return gettext("The version is %(state)s.") % {"state": version.state}, page
    if version.api.archived_at is not None:
        return gettext("The API is archived."), page
    tls = revision.upstream.get("tls") or {}
    name = tls.get("clientCertificate", "") if isinstance(tls, Mapping) else ""
    held = there.get(("certificate", name))
    if name and (held is None or held.state["organization"] != version.api.organization.name):
        text = gettext("Its services want the client certificate %(name)s, which is missing there.")
        return text % {"name": name}, "/console/admin/new-certificate"
    if fault := plans.get(version.pk):
        return fault, ""
    return "", ""


def _plans_at_fault(version_ids: Iterable[str]) -> dict[str, str]:
    """Why a plan of a product with the version cannot be had, by the version's id. Two queries."""
    items = ProductItem.objects.filter(version_id__in=list(version_ids), product__archived_at=None)
    rows = list(items.values_list("version_id", "product__display_name", "product__plans", "product__plans__name"))
    active = {
        version.plan_id: version
        for version in PlanVersion.objects.filter(
            plan_id__in={row[2] for row in rows if row[2]}, state=PlanVersion.State.ACTIVE
        ).select_related("plan")
    }
    found: dict[str, str] = {}
    for version_id, product, plan_id, plan in rows:
        names = {"plan": plan, "product": product}
        if plan_id is None:
            continue
        if plan_id not in active:
            found[version_id] = gettext("Plan %(plan)s of %(product)s has no terms and no price in force.") % names
        elif active[plan_id].is_priced and (why := obstacle_to_sale(active[plan_id])):
            text = gettext("Plan %(plan)s of %(product)s cannot be sold: %(why)s")
            found[version_id] = text % (names | {"why": why})
    return found
