"""Signatures by the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and body.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable
from typing import Final

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A fresh secret, `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(signing_secrets: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The field webhook-signature: one `v1,...` for each secret, with spaces between them."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{_digest(secret, signed)}" for secret in signing_secrets)


def _digest(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
