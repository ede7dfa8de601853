"""What Plan documents say about money: the terms that they ask for, and who may choose the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from apim.accounts.models import Organization
from apim.documents.reading import Document
from apim.documents.session import Session, missing
from apim.errors import Problems
from apim.pricing.terms import FIELDS, parse_terms, remarks_on
from apim.products.models import Meter

# Without prices these say nothing: a document that takes the prices away takes them along.
_OF_PRICES = ("currency", "interval", "trial", "minimumSpend", "maximumSpend", "dunning", "change", "migration")


def asked_pricing(
    document: Document, session: Session, old: Mapping[str, Any] | None, owner: Organization
) -> dict[str, Any] | None:
    """The pricing that the document asks for; what it does not name stays.

    Errors: each fault at its place in the document; documents.no_meter for a meter that is not there.
    """
    spec = document.spec
    named = {name: spec[name] for name in FIELDS if name in spec}
    kept = dict(old or {})
    if "prices" in named and not named["prices"]:
        kept = {name: value for name, value in kept.items() if name not in _OF_PRICES}
    wanted = kept | named
    terms, faults = parse_terms(wanted)
    if terms is None:
        errors = [document.error(("spec", *each.at), "products.pricing", each.message, each.hint) for each in faults]
        raise Problems(tuple(errors))
    _require_meters(document, owner)
    if named:
        session.warnings.extend(f"Plan {document.name}: {remark}" for remark in remarks_on(terms))
    return terms.as_document() or None


def changed_pricing(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """The fields in which two pricings differ, as documents name them."""
    old, new = old or {}, new or {}
    return [name for name in FIELDS if old.get(name) != new.get(name)]


def offered_organizations(document: Document) -> list[Organization]:
    """The organizations of `offeredTo`.

    Errors: documents.no_organization for one that is not there.
    """
    names: Iterable[str] = document.spec.get("offeredTo", ())
    found = {one.name: one for one in Organization.objects.filter(name__in=list(names))}
    for index, name in enumerate(names):
        if name not in found:
            raise missing(document, ("spec", "offeredTo", str(index)), noun="organization", name=name, known=())
    return [found[name] for name in dict.fromkeys(names)]


def _require_meters(document: Document, owner: Organization) -> None:
    known: list[str] | None = None
    for group in ("prices", "limits"):
        for index, each in enumerate(document.spec.get(group, ())):
            if "meter" not in each:
                continue
            if known is None:
                usable = Meter.objects.filter(Q(organization=owner) | Q(organization__is_default=True))
                known = list(usable.values_list("name", flat=True))
            if each["meter"] not in known:
                at = ("spec", group, str(index), "meter")
                raise missing(document, at, noun="meter", name=each["meter"], known=known)
