"""jwt: tokens of an issuer (RFC 7519) as a way to say who calls, beside API keys.

Owns: the settings, and the header fields in which a service learns what a token says. Tokens are verified by
runtime.core.tokens. The name of the caller's application is found under the issuer and the client id of a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.patterns import Operations, is_pattern
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.token_issuers import LONGEST_TEXT, is_claim_name, is_client_text, is_web_address, source_of
from gateway_sync.policies.views import RequestView, fault_of_field
from gateway_sync.policies.web_keys import ALGORITHMS, WebKeyInvalid, public_key_set
from gateway_sync.problems import Problem, Where

KIND = "jwt"

_MOST_SKEW_S: Final = 300
_MOST_LISTED: Final = 64
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749 section 3.3
_NOT_SENDABLE = re.compile(r"[^\x20-\x7e]")
_LONGEST_HEADER: Final = 1024
ANY_TYPE: Final = "any"
TYPES: Final = (ANY_TYPE, "JWT", "at+jwt")

DESCRIPTION = Description(
    KIND,
    "Tokens of an issuer",
    "Admits calls with a signed token in Authorization: Bearer whose client belongs to an application here. One more"
    " way beside API keys, unless keys are turned off.",
    (
        Setting(
            "issuer",
            "Issuer",
            "text",
            "What `iss` must be, letter for letter; one that administrators registered needs no keys here.",
            is_required=True,
        ),
        Setting("audiences", "Audiences", "words", "One of them must be in `aud`.", is_required=True),
        Setting(
            "algorithms",
            "Algorithms",
            "words",
            "How tokens may be signed. A key is used with the algorithms of its own type only.",
            f"Known: {', '.join(ALGORITHMS)}.",
            ", ".join(ALGORITHMS),
        ),
        Setting(
            "jwks",
            "Keys",
            "lines",
            "The issuer's public keys: a JWK set. Tokens of keys that are not registered identify applications of the"
            " API's own organization only.",
            "JSON, with public keys only.",
        ),
        Setting(
            "jwksURL",
            "Address of the keys",
            "text",
            "Where the issuer publishes its keys; fetched by the control plane, not by gateways. Without it and without"
            " `jwks` the address is asked from the issuer (OpenID Connect Discovery, RFC 8414).",
        ),
        Setting("clockSkew", "Clock skew", "duration", "How far clocks may differ.", "At most 5m.", "30s"),
        Setting(
            "type", "Type", "text", "What `typ` must be. any: JWT, at+jwt, or none.", default=ANY_TYPE, choices=TYPES
        ),
        Setting(
            "clientClaim",
            "Client claim",
            "text",
            "Where the client id is, of an issuer that is not registered.",
            "Empty: `azp`, else `client_id`.",
        ),
        Setting(
            "claims",
            "Required claims",
            "fields",
            "Claims, and the value that each must be or hold.",
            "`tier: gold | silver` where one of several will do; in documents a list as well.",
        ),
        Setting("scopes", "Scopes", "words", "A token must have all of them."),
        Setting(
            "operationScopes",
            "Scopes of operations",
            "fields",
            "Operations, and the scopes that a token needs there as well.",
            "`POST /transfers: transfers:write`; several scopes with spaces between.",
        ),
        Setting("scopesClaim", "Scopes claim", "text", "Where the scopes are: a text or a list.", default="scope"),
        Setting(
            "headers",
            "Headers for the service",
            "fields",
            "Header fields, and the claim that each tells. A caller's own fields of these names are always dropped.",
        ),
        Setting(
            "only", "Tokens only", "flag", "API keys, certificates and anonymous calls pass no longer.", default="false"
        ),
    ),
    "jwt: { issuer: https://login.example.com, audiences: [bank], scopes: [accounts:read] }",
    "unauthenticated",
    has_shadow=False,
)

Texts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JWT:
    """Shapes: jwks is a canonical JWK set, "" = none known; claims are pairs of a name and the values that do."""

    issuer: str
    audiences: Texts
    algorithms: Texts = ALGORITHMS
    jwks: str = ""
    jwks_url: str = ""
    clock_skew_s: int = 30
    type: str = ANY_TYPE
    client_claim: str = ""
    claims: tuple[tuple[str, Texts], ...] = ()
    scopes: Texts = ()
    operation_scopes: tuple[tuple[str, str], ...] = ()
    scopes_claim: str = "scope"
    headers: tuple[tuple[str, str], ...] = ()
    is_only: bool = False

    def needed_scopes(self, route_id: str) -> Texts:
        """The scopes that a token must have for an operation, each once."""
        needed = dict.fromkeys(self.scopes)
        for pattern, scopes in self.operation_scopes:
            if Operations((pattern,)).rank(route_id) is not None:
                needed |= dict.fromkeys(scopes.split())
        return tuple(needed)

    @property
    def on_request(self) -> Callable[[RequestView], None] | None:
        """What tells the service of a token; None when it is told nothing."""
        return self._write_headers if self.headers else None

    def _write_headers(self, request: RequestView) -> None:
        ours = {name.lower().replace("_", "-") for name, _ in self.headers}
        request.fields.lines[:] = [line for line in request.fields.lines if _plain_name(line) not in ours]
        for name, claim in self.headers:
            text = claim_text(request.caller.claims.get(claim))
            if text:
                request.fields.add(name, text)


POLICY = JWT


def key_source(policy: JWT) -> str:
    """Where its keys are fetched from: an address of keys, or ISSUER and who tells one; "" when it has all it needs."""
    return source_of(policy.issuer, policy.jwks, policy.jwks_url)


def claim_text(value: object) -> str:
    """A claim as a header field's value; "" for what is no text, number, flag or list of these, or far too long."""
    if isinstance(value, list):
        parts = [claim_text(part) for part in value if not isinstance(part, list)]
        text = ",".join(part for part in parts if part)
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = _NOT_SENDABLE.sub(_escaped, str(value)).strip() if isinstance(value, str | int) else ""
    return text if len(text) <= _LONGEST_HEADER else ""


def _escaped(match: re.Match[str]) -> str:
    """A character as a URL would spell it; half of a pair is none."""
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def _plain_name(line: bytes) -> str:
    return line.partition(b":")[0].decode("latin-1").lower().replace("_", "-")


def parse(settings: Mapping[str, object], where: Where) -> tuple[JWT | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = JWT(
        issuer=reader.text("issuer"),
        audiences=reader.names("audiences"),
        algorithms=reader.names("algorithms", ALGORITHMS) or ALGORITHMS,
        jwks=_jwks(reader),
        jwks_url=reader.text("jwksURL"),
        clock_skew_s=reader.duration_s("clockSkew", 30),
        type=reader.choice("type", TYPES, ANY_TYPE),
        client_claim=reader.text("clientClaim"),
        claims=reader.alternatives("claims"),
        scopes=reader.names("scopes"),
        operation_scopes=reader.pairs("operationScopes"),
        scopes_claim=reader.text("scopesClaim", "scope"),
        headers=reader.pairs("headers"),
        is_only=reader.flag("only", default=False),
    )
    _check_issuer(reader, policy)
    _check_lists(reader, policy)
    _check_scopes(reader, policy)
    for name, _ in policy.headers:
        if fault := fault_of_field(name) or _fault_of_credential(name):
            reader.refuse("headers", fault, 'Use a name such as "X-User".')
    if policy.clock_skew_s > _MOST_SKEW_S:
        reader.refuse("clockSkew", f'"clockSkew" is at most {_MOST_SKEW_S} seconds.')
    problems = reader.problems()
    return (None if problems else policy), problems


def _jwks(reader: SettingsReader) -> str:
    text = reader.text("jwks")
    try:
        return public_key_set(text) if text.strip() else ""
    except WebKeyInvalid as error:
        reader.refuse("jwks", str(error))
        return ""


def _check_issuer(reader: SettingsReader, policy: JWT) -> None:
    reader.require("issuer")
    if policy.issuer and not is_client_text(policy.issuer):
        reader.refuse("issuer", f"An issuer has 1 to {LONGEST_TEXT} visible characters.")
    if policy.jwks_url and not is_web_address(policy.jwks_url):
        reader.refuse("jwksURL", f'"{policy.jwks_url}" is no address to fetch keys from.', "Begin with https://.")


def _fault_of_credential(name: str) -> str:
    plain = name.lower().replace("_", "-")
    return f'"{name}" carries credentials.' if plain in {"authorization", "cookie"} else ""


def _check_lists(reader: SettingsReader, policy: JWT) -> None:
    if not policy.audiences:
        reader.refuse("audiences", "A token must be meant for this API: name its audience.", number=3)
    for algorithm in policy.algorithms:
        if algorithm not in ALGORITHMS:
            message = f'"{algorithm}" is not possible for "algorithms".'
            reader.refuse("algorithms", message, f"Known: {', '.join(ALGORITHMS)}. none and HS* never are.")
    for name, _ in policy.claims:
        if not is_claim_name(name):
            reader.refuse("claims", f'"{name}" is no name of a claim that can be told to callers.')
    for field, listed in (
        ("audiences", policy.audiences), ("scopes", policy.scopes), ("operationScopes", policy.operation_scopes),
        ("claims", policy.claims), ("headers", policy.headers),
    ):  # fmt: skip
        if len(listed) > _MOST_LISTED:
            reader.refuse(field, f'"{field}" has at most {_MOST_LISTED} entries.')


def _check_scopes(reader: SettingsReader, policy: JWT) -> None:
    scopes = [*policy.scopes, *(scope for _, text in policy.operation_scopes for scope in text.split())]
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            reader.refuse("scopes", f'"{scope}" is no scope.', "Write accounts:read; no spaces, quotes or backslashes.")
    for pattern, _ in policy.operation_scopes:
        if not is_pattern(pattern):
            reader.refuse("operationScopes", f'"{pattern}" does not name operations.', 'Write "POST /transfers".')


def dump(policy: JWT) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "issuer": policy.issuer,
        "audiences": list(policy.audiences),
        "algorithms": list(policy.algorithms),
        "jwks": policy.jwks,
        "jwksURL": policy.jwks_url,
        "clockSkew": policy.clock_skew_s,
        "type": policy.type,
        "clientClaim": policy.client_claim,
        "claims": {name: " | ".join(values) for name, values in policy.claims},
        "scopes": list(policy.scopes),
        "operationScopes": dict(policy.operation_scopes),
        "scopesClaim": policy.scopes_claim,
        "headers": dict(policy.headers),
        "only": policy.is_only,
    }
