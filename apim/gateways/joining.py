"""Joining: gateways of other hosts, let in by a token that works once, and removed.

Owns: who may join as what, and what it gets. Must not know: how a gateway asks, or where it keeps what it got.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment, Gateway, JoinToken
from apim.gateways.services import EnrolledGateway, enroll_gateway

LIFETIME: Final = timedelta(hours=1)
AGAIN: Final = timedelta(minutes=10)  # as long may a gateway whose answer was lost ask again
_PREFIX: Final = "apimjoin_"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class IssuedJoinToken:
    """A join token and its secret, which is shown this once."""

    token: JoinToken
    secret: str


@transaction.atomic
def issue_join_token(*, environment: Environment, name: str, by: Actor, group: str = "") -> IssuedJoinToken:
    """A token for one gateway of that name, good for an hour; an earlier one for the same name is void.

    Errors: Invalid gateways.invalid_name, Conflict gateways.name_taken.
    """
    list(Environment.objects.select_for_update(no_key=True).order_by("id"))  # two at once: the second voids the first
    secret = _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    now = timezone.now()
    token = JoinToken(
        environment=environment,
        name=name,
        group=group,
        token_hash=settings.KEYRING.hash_secret(secret),
        created_by=by.label,
        expires_at=now + LIFETIME,
    )
    try:
        token.clean_fields()
    except ValidationError as error:
        raise Invalid("gateways.invalid_name", error.messages[0], field="name") from error
    if Gateway.objects.filter(name=name).exists():
        message = gettext("There is a gateway named %(name)s.") % {"name": name}
        hint = gettext("Choose another name, or remove that gateway first.")
        raise Conflict("gateways.name_taken", message, field="name", hint=hint)
    JoinToken.objects.open_at(now).filter(name=name).delete()
    token.save()
    record(by=by, action="gateway.join_token_issue", target=token, after=_shown(token))
    return IssuedJoinToken(token, secret)


@transaction.atomic
def withdraw_join_token(*, token: JoinToken, by: Actor) -> None:
    """Void a token that nobody used."""
    if JoinToken.objects.filter(pk=token.pk, used_at=None).delete()[0]:
        record(by=by, action="gateway.join_token_withdraw", target=token, before=_shown(token))


@transaction.atomic
def join(*, secret: str, nonce: str) -> EnrolledGateway | None:
    """The gateway that the secret is for, with a fresh token; None for a secret that is unknown, used or too old.

    Shapes: nonce is what the gateway made up and keeps until it has its answer; with the same one it may ask again for
    a while, and gets another token. Errors: Conflict gateways.name_taken.
    """
    if not secret.startswith(_PREFIX) or not nonce:
        return None
    hashed = settings.KEYRING.hash_secret
    now = timezone.now()
    found = JoinToken.objects.select_for_update(of=("self",)).select_related("environment")
    token = found.filter(token_hash=hashed(secret)).first()
    if token is None:
        return None
    if token.used_at is None:
        if token.expires_at <= now:
            return None
        if Gateway.objects.filter(name=token.name).exists():
            message = f"There is a gateway named {token.name}."
            raise Conflict("gateways.name_taken", message, hint="Remove it, or issue a token with another name.")
    elif token.nonce_hash != hashed(nonce) or now > token.used_at + AGAIN:
        return None
    JoinToken.objects.filter(pk=token.pk).update(used_at=token.used_at or now, nonce_hash=hashed(nonce))
    by = Actor("gateway", token.id, token.name)
    return enroll_gateway(environment=token.environment, name=token.name, by=by, group=token.group)


@transaction.atomic
def remove_gateway(*, gateway: Gateway, by: Actor) -> None:
    """End a gateway's credentials: from now on the control plane refuses it. What it counted and handed in stays."""
    JoinToken.objects.filter(name=gateway.name).delete()  # else who joined a moment ago asks again, and is back
    record(by=by, action="gateway.remove", target=gateway, before=state_of(gateway))
    gateway.delete()


def gateway_credentials(environment: Environment, token: str, group: str = "") -> dict[str, str]:
    """What a gateway needs to be known, to check states, find callers and open what is sealed for its group."""
    return {
        "token": token,
        "pepper": settings.KEYRING.pepper.hex(),
        "verify_key": settings.KEYRING.verify_key(),
        "environment": environment.name,
        "sealing_key": settings.KEYRING.gateway_sealing_key(environment.id, group).hex(),
    }


def _shown(token: JoinToken) -> dict[str, object]:
    """The token for the audit log: nothing to join by."""
    return {
        "name": token.name, "group": token.group, "environment": token.environment.name,
        "expires_at": token.expires_at.isoformat(),
    }  # fmt: skip
