"""Idempotency keys. Source: docs.stripe.com/api/idempotent_requests."""

from __future__ import annotations

from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.store import Mode, Object

_KEPT_S = 24 * 3600  # "keys can be removed after they're at least 24 hours old"
_LONGEST = 255


def kept(mode: Mode, key: str, fingerprint: str, method: str, path: str) -> Object | None:
    """The answer that was given under this key.

    Errors: StripeError idempotency_error when the key was used with other parameters.
    """
    if len(key) > _LONGEST:
        raise invalid(f"Idempotency-Key must be at most {_LONGEST} characters.")
    found = mode.idempotency.get(key)
    if found is None or found["at"] + _KEPT_S < mode.now():
        return None
    if found["fingerprint"] != fingerprint:
        raise StripeError(
            400,
            "idempotency_error",
            f"Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
            f"using a key other than '{key}' if you meant to execute a different request.",
        )
    return dict(found["answer"])


def keep(mode: Mode, key: str, fingerprint: str, answer: Object) -> None:
    """Remember the answer, a failed one too."""
    mode.idempotency[key] = {"at": mode.now(), "fingerprint": fingerprint, "answer": answer}
