"""Host documents."""

from __future__ import annotations

from apim.accounts.permissions import is_admin
from apim.audit.services import state_of
from apim.documents.appliers.certificates import text_of
from apim.documents.reading import Document
from apim.documents.session import Change, Session, changed_fields, pick, require
from apim.gateways.hosts import save_host
from apim.gateways.models import Host

_FIELDS = {
    "api": "api",
    "version": "version",
    "basePath": "base_path",
    "redirectToHttps": "is_redirected_to_https",
    "hstsMaxAge": "hsts_max_age_s",
    "clientCertificates": "client_certificates",
    "clientCA": "client_ca",
    "certificate": "certificate_source",
}


def apply_host(document: Document, session: Session) -> Change:
    """Make the host what the document says."""
    require(allowed=is_admin(session.user), act="name hosts")
    environment = session.environment(document)
    found = Host.objects.filter(environment=environment, name=document.name.lower().rstrip(".")).first()
    before = state_of(found) if found else {}
    changes = pick(document.spec, _FIELDS)
    if "client_ca" in changes:
        changes["client_ca"] = text_of(changes["client_ca"], document, session, "clientCA")
    host = save_host(environment=environment, name=document.name, by=session.by, changes=changes)
    if found is None:
        return Change("create", document.kind, document.name)
    fields = changed_fields(before, state_of(host), _FIELDS)
    return Change("update" if fields else "unchanged", document.kind, document.name, fields)
