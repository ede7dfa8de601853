"""Tokens for tests: an issuer's keys of every kind, and tokens signed with them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://login.example.com"
AUDIENCE = "bank"
CLIENT = "shop-web"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey

_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def b64(content: bytes | str | Mapping[str, Any]) -> str:
    """Base64url without padding; a mapping as JSON."""
    if isinstance(content, Mapping):
        content = json.dumps(content)
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def key_for(algorithm: str, name: str = "") -> PrivateKey:
    """A private key for an algorithm; another one for each name."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, int(name) if name.isdigit() else 2048)


def jwk(key: PrivateKey, kid: str = "", **more: object) -> dict[str, object]:
    """The public half as a JWK."""
    public = key.public_key()
    found: dict[str, object]
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        found = {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    elif isinstance(public, ec.EllipticCurvePublicKey):
        point, size = public.public_numbers(), (public.curve.key_size + 7) // 8
        name = {256: "P-256", 384: "P-384", 521: "P-521"}[public.curve.key_size]
        found = {"kty": "EC", "crv": name, "x": _number(point.x, size), "y": _number(point.y, size)}
    else:
        name = "Ed25519" if isinstance(public, ed25519.Ed25519PublicKey) else "Ed448"
        found = {"kty": "OKP", "crv": name, "x": b64(public.public_bytes_raw())}
    return found | ({"kid": kid} if kid else {}) | more


def _number(value: int, size: int = 0) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8))


def key_set(*keys: Mapping[str, object]) -> str:
    """A JWK set."""
    return json.dumps({"keys": list(keys)})


def signature(key: PrivateKey, algorithm: str, signed: bytes) -> bytes:
    """The signature as tokens carry it."""
    if isinstance(key, rsa.RSAPrivateKey):
        sha = _HASHES[algorithm[2:]]
        pss = padding.PSS(padding.MGF1(sha), sha.digest_size)
        return key.sign(signed, pss if algorithm.startswith("PS") else padding.PKCS1v15(), sha)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(_HASHES[algorithm[2:]])))
        return r.to_bytes(size) + s.to_bytes(size)
    return key.sign(signed)


def claims_at(now_s: int, **changes: object) -> dict[str, object]:
    """Those of a good token, valid for five minutes; None takes a claim away."""
    found: dict[str, object] = {
        "iss": ISSUER, "aud": AUDIENCE, "azp": CLIENT, "sub": "ana", "iat": now_s, "exp": now_s + 300,
    }  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


def token_of(claims: Mapping[str, object] | str, key: PrivateKey, algorithm: str = "RS256", **head: object) -> bytes:
    """A signed token; claims may be text, to write what no JSON library would."""
    fields = {"alg": algorithm, "typ": "JWT"} | head
    signed = f"{b64({name: value for name, value in fields.items() if value is not None})}.{b64(claims)}".encode()
    return signed + b"." + b64(signature(key, algorithm, signed)).encode()
