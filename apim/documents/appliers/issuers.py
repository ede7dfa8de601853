"""Issuer documents."""

from __future__ import annotations

from typing import Any

from apim.accounts.permissions import is_admin
from apim.catalog.issuers import issuer_state, save_issuer
from apim.documents.appliers.certificates import text_of
from apim.documents.reading import Document
from apim.documents.session import Change, Session, changed_fields, require
from apim.gateways.models import Issuer

_FIELDS = {
    "issuer": "issuer",
    "jwks": "jwks",
    "jwksURL": "jwks_url",
    "clientClaim": "client_claim",
    "organizations": "organizations",
}


def apply_issuer(document: Document, session: Session) -> Change:
    """Make the issuer what the document says; what it leaves out is as if it had never been said.

    Nobody is let in by a field that stayed from before, so a document shows all that is trusted.
    """
    require(allowed=is_admin(session.user), act="register issuers")
    environment = session.environment(document)
    spec = document.spec
    found = Issuer.objects.filter(environment=environment, name=document.name).first()
    before = issuer_state(found) if found else {}
    changes: dict[str, Any] = {
        "issuer": spec["issuer"],
        "jwks": text_of(spec["jwks"], document, session, "jwks") if "jwks" in spec else "",
        "jwks_url": spec.get("jwksURL", ""),
        "client_claim": spec.get("clientClaim", ""),
        "is_for_all": "organizations" not in spec,
        "organizations": [session.organization(name, document) for name in spec.get("organizations", ())],
    }
    issuer = save_issuer(environment=environment, name=document.name, by=session.by, changes=changes)
    if found is None:
        return Change("create", document.kind, document.name)
    after = issuer_state(issuer)
    fields = changed_fields(before, after, _FIELDS)
    if not fields and before["is_for_all"] != after["is_for_all"]:
        fields = ("organizations",)
    return Change("update" if fields else "unchanged", document.kind, document.name, fields)
