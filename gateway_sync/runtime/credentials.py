"""Credentials: what a gateway was given when it was enrolled."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_sync.snapshot import Manifest, signed_bytes


class CredentialsInvalid(ValueError):
    """The credentials file cannot be used; the message says why in one sentence."""


class Credentials(msgspec.Struct, frozen=True):
    """Shapes: pepper and sealing_key in hex, verify_key base64 of a raw Ed25519 key, redis_url "" = no push."""

    control_url: str
    token: str
    pepper: str
    verify_key: str
    redis_url: str = ""
    environment: str = ""
    sealing_key: str = ""

    def fingerprint(self) -> str:
        """What state on disk belongs to: another installation's snapshots and counters are not this one's."""
        return hashlib.sha256(f"{self.environment}\n{self.verify_key}\n{self.pepper}".encode()).hexdigest()[:16]

    def verify(self, manifest: Manifest) -> bool:
        """True when the control plane of this gateway signed the manifest."""
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.verify_key))
        try:
            key.verify(base64.b64decode(manifest.signature), signed_bytes(manifest))
        except (InvalidSignature, ValueError):
            return False
        return True


def read_credentials(path: Path) -> Credentials:
    """The credentials of a file. Errors: CredentialsInvalid."""
    try:
        credentials = msgspec.json.decode(path.read_bytes(), type=Credentials)
        bytes.fromhex(credentials.pepper)
        bytes.fromhex(credentials.sealing_key)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(credentials.verify_key))
    except (OSError, ValueError) as error:
        message = f"The gateway's credentials in {path} cannot be used: {error}"
        raise CredentialsInvalid(message) from error
    return credentials
