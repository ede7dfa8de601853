"""Sealing: secrets as they travel in a snapshot, readable by the gateways of one environment alone.

AES-SIV (RFC 5297) needs no nonce: equal secrets give equal bytes, so a state compiled twice has one digest, and what it
gives away is only that. Must not know: what a secret opens.
"""

from __future__ import annotations

import base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV


class UnsealFailed(ValueError):
    """The gateway has no key, or another one, for what was sealed."""


def seal(key: bytes, secret: bytes, context: str) -> str:
    """secret, encrypted and bound to context (the id of what it belongs to). Shapes: key of 64 bytes; base64."""
    return base64.b64encode(AESSIV(key).encrypt(secret, [context.encode()])).decode()


def unseal(key: bytes, sealed: str, context: str) -> bytes:
    """What seal() was given. Errors: UnsealFailed, with what to do about it."""
    if not key:
        message = "This gateway's credentials have no sealing key; enroll it again."
        raise UnsealFailed(message)
    try:
        return AESSIV(key).decrypt(base64.b64decode(sealed), [context.encode()])
    except (InvalidTag, ValueError) as error:
        message = "A secret was sealed for another environment or installation; enroll this gateway again."
        raise UnsealFailed(message) from error
