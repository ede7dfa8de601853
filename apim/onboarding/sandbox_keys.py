"""Sandbox keys: issued to whoever asks, shown again as often as they like, dead after a while.

Owns: the keys and what gateways know of them. Each is its own application and subscription to a gateway, so that one
visitor's calls never use up another's. Must not know: sessions, pages.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apim.accounts.models import User
from apim.gateways import sandbox
from apim.gateways.models import AccessRecord, Environment
from apim.gateways.services import AccessChange, append_access
from apim.onboarding.models import SandboxKey
from apim.secret_text import new_secret

OF_VISITOR = timedelta(days=1)
OF_PERSON = timedelta(days=30)
_RENEWED_BEFORE = timedelta(hours=1)  # no key is handed out that dies under one's hands
_CONTEXT = "onboarding.sandbox_key"
_TAG = "apim_sandbox"
_BATCH = 500


@transaction.atomic
def issue_key(*, environment: Environment, user: User | None = None) -> SandboxKey:
    """A new key; it takes the place of the one that the person had."""
    now = timezone.now()
    if user is not None:
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two tabs at once make one
        kept = SandboxKey.objects.filter(user=user).first()
        if kept is not None and is_usable(kept, now):
            return kept
        _forget(SandboxKey.objects.filter(user=user))
    secret = new_secret(_TAG)
    key = SandboxKey.objects.create(
        environment=environment,
        user=user,
        key_hash=settings.KEYRING.hash_secret(secret),
        sealed=base64.b64encode(settings.KEYRING.seal(secret.encode(), _CONTEXT)).decode(),
        expires_at=now + (OF_PERSON if user else OF_VISITOR),
    )
    append_access(environment_id=environment.id, changes=_records(key))
    return key


def is_usable(key: SandboxKey, now: datetime) -> bool:
    """True while the key lives for long enough to be handed out."""
    return key.expires_at - now > _RENEWED_BEFORE


def text_of(key: SandboxKey) -> str:
    """The key itself; "" when it was sealed by keys that the installation has no more."""
    try:
        return settings.KEYRING.unseal(base64.b64decode(key.sealed), _CONTEXT).decode()
    except InvalidTag:
        return ""


@transaction.atomic
def forget_expired(now: datetime) -> int:
    """Delete keys that are over, a batch a run; how many."""
    ids = list(SandboxKey.objects.filter(expires_at__lte=now).values_list("id", flat=True)[:_BATCH])
    return _forget(SandboxKey.objects.filter(id__in=ids))


def _forget(keys: Iterable[SandboxKey]) -> int:
    gone = list(keys)
    SandboxKey.objects.filter(id__in=[key.id for key in gone]).delete()
    for environment_id in sorted({key.environment_id for key in gone}):
        changes = [change for key in gone if key.environment_id == environment_id for change in _removals(key)]
        append_access(environment_id=environment_id, changes=changes)
    return len(gone)


def _records(key: SandboxKey) -> list[AccessChange]:
    ends_s = int(key.expires_at.timestamp())
    kinds = AccessRecord.Kind
    return [
        AccessChange(kinds.ORGANIZATION, sandbox.ORGANIZATION_ID, {"state": "active"}),
        AccessChange(
            kinds.APPLICATION,
            key.id,
            {"organization": sandbox.ORGANIZATION_ID, "state": "active", "name": "sandbox"},
        ),
        AccessChange(
            kinds.SUBSCRIPTION,
            key.id,
            {
                "organization": sandbox.ORGANIZATION_ID,
                "product": sandbox.PRODUCT_ID,
                "plan": sandbox.PLAN_ID,
                "lifecycle": "active",
                "payment": "none",
                "applications": [key.id],
                "created_at": int(key.created_at.timestamp()),
                "ends_at": ends_s,
            },
        ),
        AccessChange(
            kinds.CREDENTIAL,
            key.key_hash,
            {
                "id": key.id,
                "application": key.id,
                "organization": sandbox.ORGANIZATION_ID,
                "product": sandbox.PRODUCT_ID,
                "state": "active",
                "expires_at": ends_s,
            },
        ),
    ]


def _removals(key: SandboxKey) -> list[AccessChange]:
    kinds = AccessRecord.Kind
    return [
        AccessChange(kinds.CREDENTIAL, key.key_hash, None),
        AccessChange(kinds.SUBSCRIPTION, key.id, None),
        AccessChange(kinds.APPLICATION, key.id, None),
    ]
