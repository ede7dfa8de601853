"""Credentials: what a gateway was given when it was enrolled."""

from __future__ import annotations

import base64
import hashlib
import mmap
import os
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway_sync.snapshot import Manifest, signed_bytes

T = TypeVar("T")


class CredentialsInvalid(ValueError):
    """The credentials file cannot be used; the message says why in one sentence."""


class Doors(msgspec.Struct, frozen=True):
    """What opens the control plane and Redis, redis_url "" = no push. For the supervisor only.

    Read apart, after the first workers were forked: they are copies of what the supervisor has in memory by then.
    """

    control_url: str
    token: str
    redis_url: str = ""

    def pseudonym(self) -> str:
        """What names the gateway to others, without telling the token."""
        return f"apim-{hashlib.sha256(self.token.encode()).hexdigest()[:8]}"


class Credentials(msgspec.Struct, frozen=True):
    """What workers need too. Shapes: pepper and sealing_key in hex, verify_key base64 of a raw Ed25519 key."""

    pepper: str
    verify_key: str
    environment: str = ""
    sealing_key: str = ""

    def fingerprint(self) -> str:
        """What state on disk belongs to: another installation's snapshots and counters are not this one's."""
        return hashlib.sha256(f"{self.environment}\n{self.verify_key}\n{self.pepper}".encode()).hexdigest()[:16]

    def verify(self, manifest: Manifest) -> bool:
        """True when the control plane of this gateway signed the manifest."""
        return self.vouches(signed_bytes(manifest), manifest.signature)

    def vouches(self, content: bytes, signature: str) -> bool:
        """True when the control plane of this gateway signed the content."""
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self.verify_key))
        try:
            key.verify(base64.b64decode(signature), content)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_credentials(path: Path) -> Credentials:
    """The credentials of a file. Errors: CredentialsInvalid."""
    try:
        credentials = _read(path, Credentials)
        bytes.fromhex(credentials.pepper)
        bytes.fromhex(credentials.sealing_key)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(credentials.verify_key))
    except (OSError, ValueError) as error:
        raise _invalid(path, error) from error
    return credentials


def read_doors(path: Path) -> Doors:
    """The doors of a file. Errors: CredentialsInvalid."""
    try:
        return _read(path, Doors)
    except (OSError, ValueError) as error:
        raise _invalid(path, error) from error


class KeptDoors:
    """The doors of a file, read when they are asked for first, and again once the token was changed."""

    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self._path = path
        self._doors: Doors | None = None

    def __call__(self) -> Doors:
        """Errors: CredentialsInvalid."""
        if self._doors is None:
            self._doors = read_doors(self._path)
        return self._doors

    def use(self, token: str) -> None:
        """Write another token into the file, and use it. Errors: OSError, ValueError; then nothing is changed."""
        content = msgspec.json.decode(self._path.read_bytes(), type=dict[str, object])
        write_privately(self._path, msgspec.json.encode(content | {"token": token}))
        self._doors = None


def write_privately(path: Path, content: bytes) -> None:
    """The file, whole or not at all, for its owner only, on disk when this returns. Errors: OSError."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(0o600, exist_ok=False)
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, shape: type[T]) -> T:
    """What the shape asks for; of the rest nothing is copied into memory, where it would outlast its use."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return msgspec.json.decode(content, type=shape)


def _invalid(path: Path, error: Exception) -> CredentialsInvalid:
    return CredentialsInvalid(f"The gateway's credentials in {path} cannot be used: {error}")
