"""How often a stranger may ask: counted by client address, in the cache, like failed log-ins."""

from __future__ import annotations

import hashlib
from typing import Final

from allauth.core.internal.ratelimit import get_ip
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext

from apim.errors import Conflict

HOUR_S: Final = 3600
SANDBOX_KEYS: Final = 20  # an address and hour; a school or office shares one
SIGN_UPS: Final = 10
MAILS: Final = 3  # to one address of a mailbox
MISSED_SEARCHES: Final = 30  # that owners get to see
CALLS: Final = 300  # of the sandbox, by the portal


def take(what: str, whom: str, at_most: int) -> None:
    """Count one more of `what` by `whom` in this hour.

    Errors: Conflict onboarding.too_many beyond at_most.
    """
    key = f"onboarding:{what}:{hashlib.sha256(whom.lower().encode()).hexdigest()[:32]}"
    cache.add(key, 0, HOUR_S)
    try:
        count = cache.incr(key)
    except ValueError:  # it ran out in between
        return
    if count > at_most:
        raise Conflict(
            "onboarding.too_many",
            gettext("Too many tries from your network in a short time."),
            hint=gettext("Try again in an hour, or log in to an account."),
        )


def address_of(request: HttpRequest) -> str:
    """The client's address; of IPv6 its network, which is what one household has."""
    return str(get_ip(request))
