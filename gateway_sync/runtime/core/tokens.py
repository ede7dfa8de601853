"""Tokens: verifies the signed tokens of an issuer (RFC 7515, 7519), by the best practice of RFC 8725.

Owns: what a token must be. A header names a key by its id alone; keys in a header, and addresses of keys, are never
looked at. Tokens that were verified are remembered by their hash until they expire, refused ones for a moment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from gateway_sync.policies.jwt import ANY_TYPE, JWT
from gateway_sync.policies.token_issuers import is_client_text
from gateway_sync.policies.web_keys import WebKey, base64url_decode, json_object, read_key_set
from gateway_sync.snapshot import Issuer

MAX_TOKEN_BYTES: Final = 8192
REMEMBERED_TOKENS: Final = 8192
REMEMBERED_FAULTS: Final = 1024
FAULT_S: Final = 10  # a refused token may be good as soon as the issuer's next keys are here
MOST_TRIED_KEYS: Final = 4  # with tokens that name none
_SEGMENTS: Final = 3
_UNTYPED: Final = ("", "jwt", "at+jwt")
_REFUSED_FIELDS: Final = ("crit", "b64", "zip", "enc")


class Token:
    """What a token said.

    Shapes: fault "" = it is good until expires_s; else it says why not, and client and claims are empty.
    """

    __slots__ = ("claims", "client", "expires_s", "fault", "scopes")

    def __init__(
        self, fault: str, expires_s: int, client: str = "", claims: Mapping[str, object] | None = None
    ) -> None:
        """scopes are put in by who knows their claim."""
        self.fault = fault
        self.expires_s = expires_s
        self.client = client
        self.claims: Mapping[str, object] = claims or {}
        self.scopes: frozenset[str] = frozenset()


class _Refused(Exception):
    """The token is not admitted; the text is for its bearer and for RFC 6750's error_description."""


class Verifier:
    """Verifies tokens by one policy, with the keys that it holds.

    Shapes: home is the organization of the API; registered says whose clients the keys speak for besides home's, None
    = the keys are ones that home chose.
    """

    def __init__(self, policy: JWT, home: str = "", registered: Issuer | None = None) -> None:
        """Errors: total; without keys every token is refused."""
        self.policy = policy
        self.home = home
        self.registered = registered
        keys = read_key_set(policy.jwks) if policy.jwks else ()
        self._named: dict[str, list[WebKey]] = {}
        for key in keys:
            self._named.setdefault(key.kid, []).append(key)
        self._keys = keys
        self._good: dict[bytes, Token] = {}
        self._bad: dict[bytes, Token] = {}

    def read(self, token: bytes, now_s: int) -> Token:
        """What the token says; from memory when it came before."""
        name = hashlib.sha256(token).digest()
        known = self._good.get(name) or self._bad.get(name)
        if known is not None and known.expires_s > now_s:
            return known
        try:
            found = self._verify(token, now_s)
        except _Refused as refused:
            found = Token(str(refused), now_s + FAULT_S)
            if len(self._bad) >= REMEMBERED_FAULTS:
                self._bad.clear()
            self._bad[name] = found
            self._good.pop(name, None)
            return found
        if len(self._good) >= REMEMBERED_TOKENS:
            self._good.clear()
        self._good[name] = found
        self._bad.pop(name, None)
        return found

    def _verify(self, token: bytes, now_s: int) -> Token:
        if len(token) > MAX_TOKEN_BYTES:
            message = f"The token is longer than {MAX_TOKEN_BYTES} bytes."
            raise _Refused(message)
        segments = token.split(b".")
        if len(segments) != _SEGMENTS:
            message = "This is no signed token."
            raise _Refused(message)
        try:
            head = json_object(base64url_decode(segments[0]))
            content = base64url_decode(segments[1])
            signature = base64url_decode(segments[2])
        except ValueError as error:
            message = "The token is malformed."
            raise _Refused(message) from error
        algorithm = self._checked_algorithm(head)
        signed = token[: len(segments[0]) + 1 + len(segments[1])]
        if not any(key.verifies(algorithm, signature, signed) for key in self._candidates(head, algorithm)):
            message = "The token's signature is not the issuer's."
            raise _Refused(message)
        try:
            claims = json_object(content)
        except ValueError as error:
            message = "The token's claims are malformed, or one stands there twice."
            raise _Refused(message) from error
        return self._checked_claims(claims, now_s)

    def _checked_algorithm(self, head: Mapping[str, object]) -> str:
        algorithm = head.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self.policy.algorithms:
            message = "The token is signed with an algorithm that is not allowed."
            raise _Refused(message)
        if any(name in head for name in _REFUSED_FIELDS):
            message = "The token asks for extensions that are not understood."
            raise _Refused(message)
        wanted, found = self.policy.type, head.get("typ", "")
        plain = found.lower().removeprefix("application/") if isinstance(found, str) else "?"
        if plain not in (_UNTYPED if wanted == ANY_TYPE else (wanted.lower(),)):
            message = "The token is of another type."
            raise _Refused(message)
        return algorithm

    def _candidates(self, head: Mapping[str, object], algorithm: str) -> list[WebKey]:
        """The keys that may have signed it: those it names, else those without a name; of its algorithm alone."""
        kid = head.get("kid")
        if kid is None:
            keys = list(self._keys)
        elif isinstance(kid, str):
            keys = self._named.get(kid) or self._named.get("", [])
        else:
            keys = []
        return [key for key in keys if algorithm in key.algorithms][:MOST_TRIED_KEYS]

    def _checked_claims(self, claims: dict[str, object], now_s: int) -> Token:
        policy = self.policy
        if claims.get("iss") != policy.issuer:
            message = "The token is of another issuer."
            raise _Refused(message)
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(each, str) and each in policy.audiences for each in named):
            message = "The token is meant for another audience."
            raise _Refused(message)
        expires_s = self._checked_times(claims, now_s)
        for name, values in policy.claims:
            if not _holds(claims.get(name), values):
                message = f"The token's claim {name} is not what it must be here."
                raise _Refused(message)
        token = Token("", expires_s, self._client_of(claims), claims)
        token.scopes = _scopes_of(claims.get(policy.scopes_claim))
        return token

    def _checked_times(self, claims: Mapping[str, object], now_s: int) -> int:
        """When it expires, skew included."""
        skew_s = self.policy.clock_skew_s
        expires, begins, issued = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
        if expires is None:
            message = "The token does not say when it expires."
            raise _Refused(message)
        if expires + skew_s <= now_s:
            message = "The token has expired."
            raise _Refused(message)
        if max(begins or 0, issued or 0) > now_s + skew_s:
            message = "The token is not valid yet."
            raise _Refused(message)
        return expires + skew_s

    def _client_of(self, claims: Mapping[str, object]) -> str:
        name = self.policy.client_claim
        client = claims.get(name) if name else claims.get("azp", claims.get("client_id"))
        if not isinstance(client, str) or not is_client_text(client):
            message = "The token does not name its client."
            raise _Refused(message)
        return client


def _moment(claims: Mapping[str, object], name: str) -> int | None:
    """A NumericDate in whole seconds (RFC 7519 section 2)."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        message = f"The token's {name} is no moment."
        raise _Refused(message)
    return int(value)


def _holds(claim: object, values: tuple[str, ...]) -> bool:
    """True when the claim is one of the values, or a list with one of them."""
    if isinstance(claim, list):
        return any(isinstance(each, str) and each in values for each in claim)
    if isinstance(claim, bool):
        return ("true" if claim else "false") in values
    return isinstance(claim, str | int) and str(claim) in values


def _scopes_of(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split(" ")) - {""}
    return frozenset(each for each in claim if isinstance(each, str)) if isinstance(claim, list) else frozenset()
