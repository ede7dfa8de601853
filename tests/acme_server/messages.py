"""Signed messages as a server reads them (RFC 7515, RFC 8555 section 6): every part is looked at."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


class Refused(Exception):
    """A problem document (RFC 8555 section 6.7)."""

    def __init__(self, status: int, kind: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}
        self.problem = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": status}


@dataclass(frozen=True)
class Message:
    """What was signed; payload None = POST-as-GET."""

    header: dict[str, Any]
    payload: dict[str, Any] | None
    signed: bytes
    signature: bytes

    def verify(self, jwk: dict[str, str]) -> None:
        """Errors: Refused unless the key of jwk signed it."""
        half = len(self.signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (self.signature[:half], self.signature[half:]))
        try:
            public_key_of(jwk).verify(encode_dss_signature(r, s), self.signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Refused(400, "malformed", "the signature is not that of the key") from None


def read_message(body: bytes, content_type: str, url: str) -> Message:
    """The message of a request to url, its signature not verified yet. Errors: Refused."""
    if content_type != "application/jose+json":
        raise Refused(415, "malformed", "a request is application/jose+json")
    try:
        outer = json.loads(body)
        header = json.loads(decoded(outer["protected"]))
        content = decoded(outer["payload"])
        signature = decoded(outer["signature"])
        payload = json.loads(content) if content else None
    except (ValueError, KeyError, TypeError):
        raise Refused(400, "malformed", "not a flattened JWS of JSON") from None
    if outer.keys() != {"protected", "payload", "signature"}:
        raise Refused(400, "malformed", "a JWS has protected, payload and signature")
    if header.get("alg") != "ES256" or len(signature) != 64:
        raise Refused(400, "badSignatureAlgorithm", "ES256 is spoken here")
    if header.get("url") != url:
        raise Refused(401, "unauthorized", f"signed for {header.get('url')}, sent to {url}")
    if ("jwk" in header) == ("kid" in header):
        raise Refused(400, "malformed", "a header has jwk or kid, not both")
    if not (header.keys() <= {"alg", "url", "nonce", "jwk", "kid"}) or not isinstance(header.get("nonce"), str):
        raise Refused(400, "malformed", "the header has fields that it must not, or no nonce")
    if payload is not None and not isinstance(payload, dict):
        raise Refused(400, "malformed", "a payload is an object")
    return Message(header, payload, f"{outer['protected']}.{outer['payload']}".encode(), signature)


def public_key_of(jwk: dict[str, str]) -> ec.EllipticCurvePublicKey:
    """Errors: Refused."""
    if jwk.keys() != {"kty", "crv", "x", "y"} or (jwk["kty"], jwk["crv"]) != ("EC", "P-256"):
        raise Refused(400, "badPublicKey", "a key is public, on P-256")
    x, y = (int.from_bytes(decoded(jwk[name]), "big") for name in ("x", "y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise Refused(400, "badPublicKey", "not a point of P-256") from None


def thumbprint_of(jwk: dict[str, str]) -> str:
    """RFC 7638."""
    ordered = "{" + ",".join(f'"{name}":"{jwk[name]}"' for name in ("crv", "kty", "x", "y")) + "}"
    return encoded(hashlib.sha256(ordered.encode()).digest())


def decoded(text: str) -> bytes:
    """Errors: ValueError for anything but base64url without padding."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError(text)
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
