"""Certificate documents."""

from __future__ import annotations

from collections.abc import Mapping

from apim.accounts.permissions import is_admin
from apim.documents.reading import Document, contract_of
from apim.documents.session import Change, Session, require
from apim.gateways.certificates import save_certificate
from apim.gateways.chains import read_certificates, require_key_of
from apim.gateways.models import Certificate


def apply_certificate(document: Document, session: Session) -> Change:
    """Make the certificate what the document says; one whose chain is there already stays as it is."""
    require(allowed=is_admin(session.user), act="keep certificates")
    spec = document.spec
    environment = session.environment(document)
    organization = session.organization(spec["organization"], document) if "organization" in spec else None
    chain = text_of(spec["chain"], document, session, "chain")
    found = Certificate.objects.filter(environment=environment, name=document.name).first()
    organization_id = organization.pk if organization else None
    if found is not None and found.organization_id == organization_id and _is_same(chain, found.chain):
        if "privateKey" in spec:
            require_key_of(chain, text_of(spec["privateKey"], document, session, "privateKey"))
        return Change("unchanged", document.kind, document.name)
    if "privateKey" not in spec:
        message = "A new chain needs `privateKey`."
        hint = "Name its file, `{ $file: ./key.pem }`, or a variable of the environment, `{ $env: NAME }`."
        raise document.error(("spec",), "documents.missing_field", message, hint)
    save_certificate(
        environment=environment,
        name=document.name,
        chain=chain,
        key=text_of(spec["privateKey"], document, session, "privateKey"),
        organization=organization,
        by=session.by,
    )
    fields = ("chain", "privateKey")
    return (
        Change("update", document.kind, document.name, fields)
        if found
        else Change("create", document.kind, document.name)
    )


def text_of(value: str | Mapping[str, object], document: Document, session: Session, name: str) -> str:
    """A text as it stands in the document, or that of the file it names. Errors: documents.file_missing."""
    if isinstance(value, str):
        return value
    return contract_of(value, session.files, document, ("spec", name)).text


def _is_same(chain: str, kept: str) -> bool:
    return list(read_certificates(chain, field="chain")) == list(read_certificates(kept, field="chain"))
