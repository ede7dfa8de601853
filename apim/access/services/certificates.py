"""Client certificates as credentials: registered for an application, whose calls are made with them.

They are revoked like keys (services.credentials) and expire when they themselves do. Registering shows no possession of
the private key: each call does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.models import Application, Credential
from apim.access.services.credentials import check_expiry, locked, register
from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.errors import Conflict, Invalid
from apim.gateways.chains import read_certificates
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.products.models import Product
from gateway_sync.policies.client_certificate import certificate_text

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME: Final = 512
_PREFIX_CHARACTERS: Final = 24


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is known of a certificate. Shapes: without its PEM nothing but the fingerprint."""

    fingerprint: str
    subject: str = ""
    issuer: str = ""
    ends_at: datetime | None = None


@transaction.atomic
def register_certificate(
    *,
    application: Application,
    certificate: str,
    by: Actor,
    creator: User | None = None,
    environment: Environment | None = None,
    product: Product | None = None,
    label: str = "",
    expires_at: datetime | None = None,
) -> Credential:
    """The credential by which calls with this client certificate are the application's.

    Shapes: certificate is PEM, or the SHA-256 fingerprint in hex, with or without colons.
    Errors: Invalid for what is neither, or has expired; Conflict while it belongs to an application.
    """
    check_expiry(expires_at)
    shown = _read(certificate)
    environment = environment or default_environment()
    application, creator = locked(application, creator)
    credential = Credential(
        application=application,
        environment=environment,
        product=product,
        label=label,
        creator=creator,
        created_by=by.label,
        expires_at=min((moment for moment in (expires_at, shown.ends_at) if moment is not None), default=None),
        kind=Credential.Kind.CERTIFICATE,
        issuer=shown.issuer,
        client_id=shown.subject,
        fingerprint=shown.fingerprint,
        prefix=shown.fingerprint[:_PREFIX_CHARACTERS],
        key_hash=settings.KEYRING.hash_secret(certificate_text(environment.id, shown.fingerprint)),
    )
    message = _("This certificate belongs to an application already.")
    taken = Conflict("access.certificate_taken", message, field="certificate", hint=_("Revoke it there first."))
    return register(credential, taken=taken, by=by)


def _read(text: str) -> _Shown:
    fingerprint = text.strip().replace(":", "").lower()
    if _FINGERPRINT.fullmatch(fingerprint):
        return _Shown(fingerprint)
    if "-----BEGIN" not in text:
        hint = _("Paste its PEM, or what `openssl x509 -fingerprint -sha256` says.")
        message = _("This is neither a PEM certificate nor a SHA-256 fingerprint.")
        raise Invalid("access.certificate_unreadable", message, field="certificate", hint=hint)
    leaf = read_certificates(text, field="certificate")[0]
    if leaf.not_valid_after_utc <= timezone.now():
        message = _("The certificate expired on %(not_valid_after_utc)s.") % {
            "not_valid_after_utc": f"{leaf.not_valid_after_utc:%Y-%m-%d}"
        }
        raise Invalid("access.certificate_expired", message, field="certificate")
    return _Shown(
        leaf.fingerprint(hashes.SHA256()).hex(),
        leaf.subject.rfc4514_string()[:_LONGEST_NAME],
        leaf.issuer.rfc4514_string()[:_LONGEST_NAME],
        leaf.not_valid_after_utc,
    )
