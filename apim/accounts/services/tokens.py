"""Tokens of the management API: shown once, kept as a keyed hash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.models import APIToken, User
from apim.accounts.scopes import SCOPES
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Forbidden, Invalid
from apim.listing import enumerated
from apim.secret_text import new_secret, prefix_of
from apim.validation import require_clean

_TAG = "apim_pat"
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its secret, which is shown this once."""

    token: APIToken
    secret: str


@transaction.atomic
def issue_token(
    *, user: User, name: str, scopes: Iterable[str], by: Actor, expires_at: datetime | None = None
) -> IssuedToken:
    """A new token of user; it can do what its scopes name, and never more than the person can."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        raise Invalid(
            "accounts.no_such_scope",
            (
                _("There is no scope %(name)s.") % {"name": unknown[0]}
                if unknown
                else _("A token needs at least one scope.")
            ),
            field="scopes",
            hint=_("Scopes are %(names)s.") % {"names": enumerated(SCOPES)},
        )
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not user.is_active:
        raise Forbidden("accounts.suspended", _("%(user)s is suspended and cannot hold tokens.") % {"user": user})
    if "admin" in wanted and not user.is_platform_admin:
        raise Forbidden("accounts.scope_beyond_rights", _("Only administrators hold the scope admin."), field="scopes")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("accounts.expiry_in_the_past", _("A token must expire in the future."), field="expires_at")
    secret = new_secret(_TAG)
    token = APIToken(
        user=user,
        name=name,
        prefix=prefix_of(secret),
        token_hash=settings.KEYRING.hash_secret(secret),
        scopes=wanted,
        expires_at=expires_at,
    )
    require_clean(token, prefix="accounts")
    token.save(force_insert=True)
    record(by=by, action="token.issue", target=token, after=state_of(token))
    return IssuedToken(token, secret)


@transaction.atomic
def revoke_token(*, token: APIToken, by: Actor) -> APIToken:
    """Kill a token for good; a dead one stays as it is."""
    token = APIToken.objects.select_for_update().get(pk=token.pk)
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record(by=by, action="token.revoke", target=token, after=state_of(token))
    return token


def authenticate_token(secret: str) -> APIToken | None:
    """The live token of an active person.

    One hash and one look-up by it, whatever is wrong, so that the time tells nothing about which tokens exist.
    """
    now = timezone.now()
    token = (
        APIToken.objects.select_related("user")
        .filter(token_hash=settings.KEYRING.hash_secret(secret), revoked_at=None, user__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=now))
        .first()
    )
    if token is not None and (token.last_used_at is None or token.last_used_at < now - _USE_IS_NOTED_EVERY):
        APIToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token
