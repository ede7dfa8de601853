"""Clients of issuers: registered for an application, whose calls come with the issuer's tokens.

They are revoked and expire like keys (services.credentials).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from apim.access.models import Application, Credential
from apim.access.services.credentials import check_expiry, locked, register
from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.catalog.models import API
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment, Issuer
from apim.gateways.services import default_environment
from apim.listing import enumerated
from apim.products.models import Product
from gateway_sync.policies.token_issuers import client_text, is_client_text

_PREFIX_CHARACTERS: Final = 24
_MOST_NAMED: Final = 5


@transaction.atomic
def register_client(
    *,
    application: Application,
    issuer: str,
    client_id: str,
    by: Actor,
    creator: User | None = None,
    environment: Environment | None = None,
    product: Product | None = None,
    label: str = "",
    expires_at: datetime | None = None,
) -> Credential:
    """The credential by which calls with the issuer's tokens for this client are the application's.

    Of an issuer that nobody registered, APIs of the application's own organization alone know the client.
    Errors: Invalid for what can be no issuer or client id, and for an issuer that is not for the organization; Conflict
    while the client belongs to an application.
    """
    check_expiry(expires_at)
    for field, text in (("issuer", issuer), ("client_id", client_id)):
        if not is_client_text(text):
            raise Invalid("access.client_text", _("Write 1 to 512 visible characters."), field=field)
    environment = environment or default_environment()
    application, creator = locked(application, creator)
    organization_id = application.organization_id
    registration = _registration(environment, issuer, organization_id)
    home = "" if registration else organization_id
    credential = Credential(
        application=application,
        environment=environment,
        product=product,
        label=label,
        creator=creator,
        created_by=by.label,
        expires_at=expires_at,
        kind=Credential.Kind.CLIENT,
        issuer=issuer,
        client_id=client_id,
        registration=registration,
        prefix=client_id[:_PREFIX_CHARACTERS],
        key_hash=settings.KEYRING.hash_secret(client_text(environment.id, issuer, client_id, home)),
    )
    message = _("The client %(client_id)s of this issuer belongs to an application already.") % {"client_id": client_id}
    return register(credential, taken=Conflict("access.client_taken", message, hint=_("Revoke it there first.")), by=by)


def _registration(environment: Environment, issuer: str, organization_id: str) -> Issuer | None:
    """The issuer as admins registered it, held until the commit; None for one of the organization's own APIs alone."""
    found = Issuer.objects.select_for_update(of=("self",)).filter(environment=environment, issuer=issuer).first()
    if found is not None and found.is_open_to(organization_id):
        return found
    if found is not None:
        message = _("Applications of your organization cannot be clients of %(issuer)s in %(environment)s.") % {
            "issuer": issuer,
            "environment": environment,
        }
        hint = _("Ask an administrator to open the issuer to it.")
        raise Invalid("access.issuer_closed", message, field="issuer", hint=hint)
    if API.objects.filter(organization_id=organization_id).exists():
        return None
    open_ones = Issuer.objects.filter(environment=environment).open_to([organization_id])
    names = enumerated(open_ones.order_by("issuer").values_list("issuer", flat=True)[:_MOST_NAMED])
    message = _(
        "The issuer %(issuer)s is not registered in %(environment)s, so no API would take its tokens for yours."
    ) % {"issuer": issuer, "environment": environment}
    hint = _("Registered: %(names)s.") % {"names": names} if names else _("Ask an administrator to register it.")
    raise Invalid("access.issuer_unknown", message, field="issuer", hint=hint)
