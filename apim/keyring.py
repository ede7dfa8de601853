"""The installation's secrets: made once, kept in one file only its owner may read, part of every backup.

Owns: the file and what is derived from it. Must not know: who uses which key.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Keyring:
    """Shapes: session_secret is text; the others are 32 random bytes each."""

    session_secret: str
    pepper: bytes  # keys the hashes of API keys and tokens
    signing_seed: bytes  # Ed25519: signs manifests
    sealing_key: bytes  # AES-GCM: secrets at rest

    def hash_secret(self, secret: str) -> str:
        """The keyed hash under which a credential or token is stored, as 64 hex digits."""
        return hmac.digest(self.pepper, secret.encode(), "sha256").hex()

    def sign(self, message: bytes) -> str:
        """The Ed25519 signature of message, base64."""
        return base64.b64encode(Ed25519PrivateKey.from_private_bytes(self.signing_seed).sign(message)).decode()

    def verify_key(self) -> str:
        """The public half of the signing key, base64: what gateways check signatures with."""
        return base64.b64encode(
            Ed25519PrivateKey.from_private_bytes(self.signing_seed).public_key().public_bytes_raw()
        ).decode()

    def seal(self, plain: bytes, context: str) -> bytes:
        """plain, encrypted and bound to context (such as "mail_server.password")."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.sealing_key).encrypt(nonce, plain, context.encode())

    def gateway_sealing_key(self, environment_id: str, group: str = "") -> bytes:
        """64 bytes for AES-SIV: what secrets are sealed with for the gateways of an environment, or a group of them."""
        context = f"gateway sealing key\n{environment_id}" + (f"\n{group}" if group else "")
        return hmac.digest(self.sealing_key, context.encode(), "sha512")

    def unseal(self, sealed: bytes, context: str) -> bytes:
        """What seal() was given; raises cryptography's InvalidTag when sealed or context differ."""
        return AESGCM(self.sealing_key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())


@cache
def load_keyring(path: Path) -> Keyring:
    """The keyring in path; made on first use, by whichever process comes first."""
    if not path.exists():
        _create(path)
    stored = json.loads(path.read_text())
    return Keyring(
        session_secret=stored["session_secret"],
        pepper=bytes.fromhex(stored["pepper"]),
        signing_seed=bytes.fromhex(stored["signing_seed"]),
        sealing_key=bytes.fromhex(stored["sealing_key"]),
    )


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    content = {"session_secret": secrets.token_urlsafe(48)} | {
        name: secrets.token_bytes(32).hex() for name in ("pepper", "signing_seed", "sealing_key")
    }
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike rename, never replaces the keys another process just made
    except FileExistsError:
        pass
    finally:
        draft.unlink()
