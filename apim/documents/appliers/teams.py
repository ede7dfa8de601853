"""The team that a document gives its object to."""

from __future__ import annotations

from apim.accounts.models import Organization
from apim.accounts.permissions import leads
from apim.accounts.services import adopt_team
from apim.documents.reading import Document
from apim.documents.session import Session


def prepare_team(document: Document, organization: Organization, session: Session) -> None:
    """Make the team that `spec.team` names where there is none yet, for who leads the organization, and say so.

    Others are told by the services which teams there are.
    """
    name = document.spec.get("team", "")
    if not leads(session.user, organization.pk):
        return
    if adopt_team(organization=organization, name=name, by=session.by):
        session.warnings.append(f"{organization.name} has a team `{name}` from now on: {document.name} named it.")
