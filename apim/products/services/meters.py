"""Meters: their definitions, and that plans name only those that there are."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.gateways.models import Environment
from apim.gateways.services import touch
from apim.pricing.meters import MeterTerms, parse_meter
from apim.products.limits import Terms
from apim.products.models import Meter, PlanVersion
from apim.validation import require_clean, require_known

_DEFINITION = ("unit", "aggregation", "source", "where", "weights")
_COUNTING = ("aggregation", "source", "where", "weights")


@transaction.atomic
def create_meter(
    *, organization: Organization, name: str, by: Actor, display_name: str = "", definition: Mapping[str, Any]
) -> Meter:
    """A new meter.

    Shapes: definition as a Meter document has it: unit, aggregation, source, where, weights.
    Errors: products.name_taken; Problems products.meter with the field at fault.
    """
    terms = _checked(definition)
    meter = Meter(organization=organization, name=name, display_name=display_name or name)
    _fill(meter, terms)
    require_clean(meter, prefix="products")
    meter.save()
    record(by=by, action="meter.create", target=meter, after=state_of(meter))
    return meter


@transaction.atomic
def update_meter(*, meter: Meter, changes: Mapping[str, Any], by: Actor) -> Meter:
    """The meter with changes: display_name, and any of its definition.

    Errors: those of create_meter; Conflict products.meter_in_use when a plan with prices was made of what it counts.
    """
    require_known(changes, {"display_name", *_DEFINITION}, prefix="products", noun="A meter")
    meter.refresh_from_db(from_queryset=Meter.objects.select_for_update())
    before = state_of(meter)
    meter.display_name = changes.get("display_name", meter.display_name)
    kept = {name: value for name, value in meter.terms.as_document().items() if name not in changes}
    _fill(meter, _checked(kept | {name: changes[name] for name in _DEFINITION if name in changes}))
    if any(before[name] != getattr(meter, name) for name in _COUNTING):
        _require_unused(meter)
        meter.version += 1
    if state_of(meter) == before:
        return meter
    require_clean(meter, prefix="products")
    meter.save()
    if meter.version != before["version"]:
        touch(Environment.objects.values_list("id", flat=True))  # gateways count by it where a plan caps it
    record(by=by, action="meter.update", target=meter, before=before, after=state_of(meter))
    return meter


def require_meters(terms: Terms, organization: Organization) -> None:
    """Refuse terms that name a meter which is not there for the organization.

    Errors: Problems products.no_meter, field `pricing.prices.<index>.meter` or `pricing.limits.<index>.meter`.
    """
    pricing = terms.pricing or {}
    named = [
        (f"pricing.{group}.{index}.meter", each["meter"])
        for group in ("prices", "limits")
        for index, each in enumerate(pricing.get(group, ()))
        if "meter" in each
    ]
    if not named:
        return
    usable = Meter.objects.filter(Q(organization=organization) | Q(organization__is_default=True))
    known = list(usable.values_list("name", flat=True))
    errors = tuple(_no_meter(field, name, known) for field, name in named if name not in known)
    if errors:
        raise Problems(errors)


def _no_meter(field: str, name: str, known: list[str]) -> DomainError:
    near = get_close_matches(name, known, n=1)
    hint = (
        _("Did you mean `%(name)s`?") % {"name": near[0]}
        if near
        else _("Make it first, in the same documents or on the meters page.")
    )
    return Invalid("products.no_meter", _("There is no meter `%(name)s`.") % {"name": name}, field=field, hint=hint)


def _require_unused(meter: Meter) -> None:
    for version in PlanVersion.objects.exclude(pricing=None).select_related("plan"):
        if version.is_priced and meter.name in version.terms.meters:
            raise Conflict(
                "products.meter_in_use",
                _("%(version)s charges by the meter %(meter)s, so what it counts stays.")
                % {"version": version, "meter": meter.name},
                hint=_("Make a meter of another name, and name it in the plan's next version."),
                field="where",
            )


def _checked(definition: Mapping[str, Any]) -> MeterTerms:
    terms, faults = parse_meter(definition)
    if terms is None:
        raise Problems(
            tuple(Invalid("products.meter", each.message, field=".".join(each.at), hint=each.hint) for each in faults)
        )
    return terms


def _fill(meter: Meter, terms: MeterTerms) -> None:
    for name in _DEFINITION:
        setattr(meter, name, getattr(terms, name))
    meter.weights = dict(terms.weights)
