"""Organization documents."""

from __future__ import annotations

from apim.accounts.models import Organization
from apim.accounts.permissions import is_admin, leads
from apim.accounts.services import create_organization, update_organization
from apim.documents.reading import Document
from apim.documents.session import Change, Session, require


def apply_organization(document: Document, session: Session) -> Change:
    """Make the organization what the document says."""
    found = Organization.objects.filter(name=document.name).first()
    display_name = document.spec.get("displayName")
    if found is None:
        require(allowed=is_admin(session.user), act="make organizations")
        create_organization(name=document.name, display_name=display_name or document.name, by=session.by)
        return Change("create", document.kind, document.name)
    if display_name is None or display_name == found.display_name:
        return Change("unchanged", document.kind, document.name)
    require(allowed=leads(session.user, found.pk), act=f"change the organization {found.name}")
    update_organization(organization=found, changes={"display_name": display_name}, by=session.by)
    return Change("update", document.kind, document.name, ("displayName",))
