"""Web keys: public keys as issuers of tokens publish them (RFC 7517), and what verifies by them (RFC 7518).

Owns: which algorithms there are and which key may be used with which. A key is for the algorithms of its own type
alone, so that no token chooses how its signature is read (RFC 8725 section 3.1); there is no `none` and no HMAC.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway_sync.policies.strict_json import read_json

MOST_KEYS: Final = 64
LONGEST_SET: Final = 256 * 1024
_LONGEST_KID: Final = 512
_RSA_BITS = range(2048, 8193)  # RFC 7518 section 3.3, and what a signature may cost
_MOST_RSA_EXPONENT: Final = 2**32

_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")
_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_PUBLIC: Final = ("kty", "kid", "alg", "use", "crv", "x", "y", "n", "e")

_HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Mapping[str, tuple[ec.EllipticCurve, str, int]] = {
    "P-256": (ec.SECP256R1(), "ES256", 32),
    "P-384": (ec.SECP384R1(), "ES384", 48),
    "P-521": (ec.SECP521R1(), "ES512", 66),
}
_RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_COORDINATE_BYTES = {algorithm: size for _, algorithm, size in _CURVES.values()}
ALGORITHMS: Final = (*_RSA_ALGORITHMS, *_COORDINATE_BYTES, "EdDSA")

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey


class WebKeyInvalid(ValueError):
    """A key or a set of keys cannot be used; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class WebKey:
    """A public key, its id ("" = none), and the algorithms that it may be used with."""

    kid: str
    algorithms: frozenset[str]
    public: PublicKey

    def verifies(self, algorithm: str, signature: bytes, signed: bytes) -> bool:
        """True when the signature is this key's over signed."""
        if algorithm not in self.algorithms:
            return False
        try:
            self._verify(algorithm, signature, signed)
        except InvalidSignature:
            return False
        return True

    def _verify(self, algorithm: str, signature: bytes, signed: bytes) -> None:
        public = self.public
        if isinstance(public, rsa.RSAPublicKey):
            sha = _HASHES[algorithm[2:]]
            is_pss = algorithm.startswith("PS")
            pad = padding.PSS(padding.MGF1(sha), sha.digest_size) if is_pss else padding.PKCS1v15()
            public.verify(signature, signed, pad, sha)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            size = _COORDINATE_BYTES[algorithm]
            if len(signature) != 2 * size:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_HASHES[algorithm[2:]]))
        else:
            public.verify(signature, signed)


def base64url_decode(text: bytes) -> bytes:
    """The bytes of base64url without padding, of which each has one spelling only. Errors: ValueError."""
    if not _BASE64URL.fullmatch(text):
        raise ValueError
    decoded = binascii.a2b_base64(text.translate(_TO_STANDARD) + b"=" * (-len(text) % 4))
    if base64url_encode(decoded) != text:
        raise ValueError
    return decoded


def base64url_encode(content: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(content, newline=False).rstrip(b"=").translate(_FROM_STANDARD)


_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_FROM_STANDARD = bytes.maketrans(b"+/", b"-_")


def json_object(content: str | bytes) -> dict[str, object]:
    """A JSON object in which no name stands twice, at any depth. Errors: ValueError."""
    value = read_json(content)
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - what is wrong is the text
    return value


def read_key_set(text: str) -> tuple[WebKey, ...]:
    """The keys of a JWK set that can verify signatures; what is of another use or kind is passed over.

    Errors: WebKeyInvalid: no set, too large, a secret in it, or nothing usable.
    """
    return tuple(key for _, key in _read(text))


def public_key_set(text: str) -> str:
    """The set again, canonical, with what is usable alone. Errors: as read_key_set."""
    return _dumped(members for members, _ in _read(text))


def joined_key_sets(*texts: str) -> str:
    """One canonical set of the keys of several; "" for none. Errors: as read_key_set."""
    members = {_dumped([found]): found for text in texts if text for found, _ in _read(text)}
    if len(members) > MOST_KEYS:
        message = f"There are more than {MOST_KEYS} keys."
        raise WebKeyInvalid(message)
    return _dumped(members.values()) if members else ""


def _dumped(keys: Iterable[Mapping[str, object]]) -> str:
    return json.dumps({"keys": list(keys)}, sort_keys=True, separators=(",", ":"))


def _read(text: str) -> list[tuple[dict[str, object], WebKey]]:
    if len(text) > LONGEST_SET:
        message = f"A set of keys has at most {LONGEST_SET} characters."
        raise WebKeyInvalid(message)
    try:
        found = json_object(text).get("keys")
    except ValueError as error:
        message = "This is no JSON object, or a name stands in it twice."
        raise WebKeyInvalid(message) from error
    if not isinstance(found, list):
        message = 'A set of keys is an object with a list "keys".'
        raise WebKeyInvalid(message)
    if len(found) > MOST_KEYS:
        message = f"There are more than {MOST_KEYS} keys."
        raise WebKeyInvalid(message)
    usable: list[tuple[dict[str, object], WebKey]] = []
    fault = "The set is empty."
    for members in found:
        try:
            key = read_key(members)
        except WebKeyInvalid as error:
            if _is_secret(members):
                raise
            fault = str(error)
            continue
        usable.append(({name: members[name] for name in _PUBLIC if name in members}, key))
    if not usable:
        message = f"No key of the set can verify signatures: {fault}"
        raise WebKeyInvalid(message)
    return usable


def _is_secret(members: object) -> bool:
    return isinstance(members, dict) and any(name in members for name in _PRIVATE)


def read_key(members: object) -> WebKey:
    """One public key. Errors: WebKeyInvalid."""
    if not isinstance(members, dict):
        message = "A key is an object."
        raise WebKeyInvalid(message)
    if _is_secret(members):
        message = "There is a private or symmetric key in the set: whoever reads it can make tokens. Replace that key."
        raise WebKeyInvalid(message)
    operations = members.get("key_ops", ["verify"])
    if members.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        message = "A key is for another use."
        raise WebKeyInvalid(message)
    kid = members.get("kid", "")
    if not isinstance(kid, str) or len(kid) > _LONGEST_KID:
        message = "The id of a key is no text, or too long."
        raise WebKeyInvalid(message)
    try:
        public, algorithms = _public_key(members)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm) as error:
        message = f'The key "{kid}" is damaged, or of a kind that is not known here.'
        raise WebKeyInvalid(message) from error
    if "alg" in members:
        algorithms = [algorithm for algorithm in algorithms if algorithm == members["alg"]]
    if not algorithms:
        message = f'The key "{kid}" is for an algorithm that is not used here.'
        raise WebKeyInvalid(message)
    return WebKey(kid, frozenset(algorithms), public)


def _public_key(members: Mapping[str, object]) -> tuple[PublicKey, Iterable[str]]:
    """The key, and what its type can be used with. Errors: ValueError, TypeError, KeyError."""
    kind = members["kty"]
    if kind == "RSA":
        modulus, exponent = _number(members["n"]), _number(members["e"])
        if modulus.bit_length() not in _RSA_BITS or not exponent < _MOST_RSA_EXPONENT:
            raise ValueError
        return rsa.RSAPublicNumbers(exponent, modulus).public_key(), _RSA_ALGORITHMS
    if kind == "EC":
        curve, algorithm, _ = _CURVES[str(members["crv"])]
        numbers = ec.EllipticCurvePublicNumbers(_number(members["x"]), _number(members["y"]), curve)
        return numbers.public_key(), (algorithm,)
    if kind == "OKP" and members["crv"] == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(members["x"])), ("EdDSA",)
    if kind == "OKP" and members["crv"] == "Ed448":
        return ed448.Ed448PublicKey.from_public_bytes(_bytes(members["x"])), ("EdDSA",)
    raise ValueError


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return base64url_decode(value.encode())


def _number(value: object) -> int:
    return int.from_bytes(_bytes(value))
