"""The visitor's own sandbox key: of their account when they have one, else of this browser's session.

Owns: whose key it is, and that it is issued only when somebody asks for it. Must not know: what the sandbox answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from apim.catalog.sandboxes import answers_from
from apim.gateways.services import default_environment
from apim.onboarding import sandbox_keys
from apim.onboarding.bounds import SANDBOX_KEYS, address_of, take
from apim.onboarding.models import SandboxKey
from apim.onboarding.sandbox_keys import issue_key, text_of

if TYPE_CHECKING:
    from django.http import HttpRequest

    from apim.catalog.models import APIVersion, Revision
    from apim.gateways.models import Environment

_SESSION_KEY = "sandbox_key"


def has_sandbox(environment: Environment, version: APIVersion, revision: Revision | None) -> bool:
    """True when the gateways answer sandbox keys for the version."""
    return bool(environment.has_sandbox and environment.base_url and answers_from(version, revision))


def is_test_system(version: APIVersion) -> bool:
    """True when a service of the owner's answers there, and not the document."""
    return bool(version.sandbox_upstream)


def current_key(request: HttpRequest) -> SandboxKey | None:
    """The visitor's key, while it is worth showing; None for who has not asked for one yet."""
    user = request.user
    found: SandboxKey | None
    if user.is_authenticated:
        found = SandboxKey.objects.filter(user_id=user.pk).first()
    elif kept := request.session.get(_SESSION_KEY):
        found = SandboxKey.objects.filter(id=kept, user=None).first()
    else:
        return None
    return found if found is not None and sandbox_keys.is_usable(found, timezone.now()) else None


def obtain_key(request: HttpRequest) -> SandboxKey:
    """The visitor's key; a new one when there is none.

    Errors: Conflict onboarding.too_many when an address asks for too many.
    """
    if (found := current_key(request)) is not None:
        return found
    take("sandbox-key", address_of(request), SANDBOX_KEYS)
    user = request.user
    key = issue_key(environment=default_environment(), user=user if user.is_authenticated else None)
    if not user.is_authenticated:
        request.session[_SESSION_KEY] = key.id
    return key


def shown_key(request: HttpRequest) -> str:
    """The text of the visitor's key; "" for who has none."""
    key = current_key(request)
    return text_of(key) if key is not None else ""
