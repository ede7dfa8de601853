"""Account keys and the signed messages of ACME (RFC 7515, RFC 8555 section 6.2): ES256, nothing else.

Owns: signing. Must not know: sockets, models, what is signed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_COORDINATE_BYTES = 32  # of P-256


def base64url(content: bytes) -> str:
    """Content in base64url without padding, as JOSE writes everything."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class AccountKey:
    """The key of an account at an authority."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        """A key on P-256."""
        self._key = key
        numbers = key.public_key().public_numbers()
        x, y = (base64url(number.to_bytes(_COORDINATE_BYTES)) for number in (numbers.x, numbers.y))
        self.jwk = {"crv": "P-256", "kty": "EC", "x": x, "y": y}

    @classmethod
    def new(cls) -> AccountKey:
        """A fresh key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> AccountKey:
        """The key that `pem` gave. Errors: ValueError."""
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            message = "an account's key is one of an elliptic curve"
            raise TypeError(message)
        return cls(key)

    def pem(self) -> bytes:
        """PKCS#8, for sealing."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def thumbprint(self) -> str:
        """The key's name (RFC 7638)."""
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return base64url(hashlib.sha256(canonical.encode()).digest())

    def key_authorization(self, token: str) -> str:
        """What answers a challenge (RFC 8555 section 8.1)."""
        return f"{token}.{self.thumbprint()}"

    def signed(self, url: str, nonce: str, payload: Mapping[str, Any] | None, account_url: str = "") -> bytes:
        """A message to url; payload None = POST-as-GET, account_url "" = the account is not known yet."""
        who: dict[str, Any] = {"kid": account_url} if account_url else {"jwk": self.jwk}
        protected = base64url(json.dumps({"alg": "ES256", "nonce": nonce, "url": url, **who}).encode())
        content = "" if payload is None else base64url(json.dumps(payload).encode())
        return json.dumps(
            {"protected": protected, "payload": content, "signature": self._sign(f"{protected}.{content}".encode())}
        ).encode()

    def _sign(self, message: bytes) -> str:
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return base64url(r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES))
