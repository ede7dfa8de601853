"""Meter documents."""

from __future__ import annotations

from apim.accounts.models import Organization
from apim.accounts.permissions import is_admin, owns
from apim.audit.services import state_of
from apim.documents.reading import Document
from apim.documents.session import Change, Session, changed_fields, pick, require
from apim.errors import Problems
from apim.pricing.meters import parse_meter
from apim.products.models import Meter
from apim.products.services import create_meter, update_meter

_DEFINITION = {name: name for name in ("unit", "aggregation", "source", "where", "weights")}
_FIELDS = {"displayName": "display_name"} | _DEFINITION


def apply_meter(document: Document, session: Session) -> Change:
    """Make the meter what the document says."""
    _, faults = parse_meter(document.spec)
    if faults:
        errors = [document.error(("spec", *each.at), "products.meter", each.message, each.hint) for each in faults]
        raise Problems(tuple(errors))
    meter = Meter.objects.select_related("organization").filter(name=document.name).first()
    if meter is None:
        organization = session.owner(document)
        require(allowed=_may_edit(session, organization), act=f"make meters of {organization.name}")
        create_meter(
            organization=organization,
            name=document.name,
            display_name=document.spec.get("displayName", ""),
            definition=pick(document.spec, _DEFINITION),
            by=session.by,
        )
        return Change("create", document.kind, document.name)
    if document.spec.get("organization", meter.organization.name) != meter.organization.name:
        message = f"The meter belongs to {meter.organization.name}, and that cannot be changed."
        raise document.error(("spec", "organization"), "documents.other_organization", message)
    before = state_of(meter)
    changes = pick(document.spec, _FIELDS)
    is_editable = Meter.objects.editable_by(session.user).filter(pk=meter.pk).exists()
    if not is_editable and not any(getattr(meter, name) != value for name, value in changes.items()):
        return Change("unchanged", document.kind, document.name)
    require(allowed=is_editable, act=f"change the meter {meter.name}")
    update_meter(meter=meter, changes=changes, by=session.by)
    fields = changed_fields(before, state_of(meter), _FIELDS)
    return Change("update" if fields else "unchanged", document.kind, document.name, fields)


def _may_edit(session: Session, organization: Organization) -> bool:
    return is_admin(session.user) or (organization.owners_edit_plans and owns(session.user, organization.pk))
