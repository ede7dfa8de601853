"""API keys: which mode they open, and what a restricted one may do.

Source: docs.stripe.com/keys, docs.stripe.com/keys/restricted-api-keys.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.store import ACCOUNT

TEST_KEY = "sk_test_standin"
LIVE_KEY = "sk_live_standin"
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Key:
    """One key; permissions None = everything."""

    text: str
    livemode: bool
    permissions: frozenset[str] | None = None

    def allow(self, scope: str) -> None:
        """Errors: StripeError 403 that names the permission which is missing."""
        if self.permissions is None or scope in self.permissions:
            return
        if scope.endswith("_read") and scope.removesuffix("_read") + "_write" in self.permissions:
            return  # write implies read
        raise invalid(
            f"The provided key '{masked(self.text)}' does not have the required permissions for this endpoint on "
            f"account '{ACCOUNT}'. Having the '{scope}' permission would allow this request to continue.",
            status=403,
        )


def masked(text: str) -> str:
    """The key as Stripe shows it in errors."""
    head = "_".join(text.split("_")[:2]) + "_"
    return head + "*" * max(0, len(text) - len(head) - _SHOWN) + text[-_SHOWN:]


def read_key(authorization: str, known: dict[str, Key]) -> Key:
    """The key of a request.

    Errors: StripeError 401 without a key that is known.
    """
    kind, _, value = authorization.partition(" ")
    text = value.strip()
    if kind.lower() == "basic":
        text = base64.b64decode(text + "==").decode(errors="replace").partition(":")[0]
    if not text:
        raise invalid(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
            "https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.",
            status=401,
        )
    if text not in known:
        raise StripeError(401, "invalid_request_error", f"Invalid API Key provided: {masked(text)}")
    return known[text]
