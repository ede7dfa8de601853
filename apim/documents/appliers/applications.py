"""Application documents."""

from __future__ import annotations

from apim.access.models import Application
from apim.access.services import create_application, update_application
from apim.accounts.models import Organization
from apim.accounts.permissions import belongs_to, may_give_to, own_team
from apim.audit.services import state_of
from apim.documents.appliers.teams import prepare_team
from apim.documents.reading import Document
from apim.documents.session import Change, Session, changed_fields, pick, require

_FIELDS = {"displayName": "display_name", "description": "description", "team": "team"}


def apply_application(document: Document, session: Session) -> Change:
    """Make the application what the document says. Its name may carry its organization: `acme/shop`."""
    organization, name = _place(document, session)
    full_name = f"{organization.name}/{name}"
    require(allowed=belongs_to(session.user, organization.pk), act=f"change applications of {organization.name}")
    found = Application.objects.filter(organization=organization, name=name).first()
    if found is not None:
        is_editable = Application.objects.editable_by(session.user).filter(pk=found.pk).exists()
        require(allowed=is_editable, act=f"change the application {full_name} of another team")
    changes = pick(document.spec, _FIELDS)
    if "team" in changes:
        is_theirs = may_give_to(session.user, organization.pk, changes["team"])
        require(allowed=is_theirs, act="hand the application to that team")
        prepare_team(document, organization, session)
    elif found is None:
        changes["team"] = own_team(session.user, organization.pk)
    if found is None:
        create_application(organization=organization, name=name, by=session.by, **changes)
        return Change("create", document.kind, full_name)
    changes = {attribute: value for attribute, value in changes.items() if getattr(found, attribute) != value}
    if not changes:
        return Change("unchanged", document.kind, full_name)
    before = state_of(found)
    updated = update_application(application=found, changes=changes, by=session.by)
    return Change("update", document.kind, full_name, changed_fields(before, state_of(updated), _FIELDS))


def _place(document: Document, session: Session) -> tuple[Organization, str]:
    prefix, _, name = document.name.rpartition("/")
    named = document.spec.get("organization")
    if prefix and named is not None and prefix != named:
        message = f"`{document.name}` is not an application of {named}."
        raise document.error(("spec", "organization"), "documents.other_organization", message)
    if prefix:
        return session.organization(prefix, document), name
    return (session.home(document) if named is None else session.owner(document)), name
