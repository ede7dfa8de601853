"""Keys: where in a request its API key or token is, and what a caller without one is told."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import Refusal, RequestHead

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import RouteEntry
    from gateway_sync.runtime.core.rules import Rules

KEY_PREFIX: Final = b"apim_"
# A client certificate among the keys of a head: no field can have this name, and no key begin with this byte.
CERTIFICATE_FIELD: Final = b":certificate"
CERTIFICATE_MARK: Final = b"\0"
_BEARER: Final = b"bearer "
_BASIC: Final = b"basic "


def challenge(route: RouteEntry, fault: str = "") -> tuple[bytes, ...]:
    """WWW-Authenticate (RFC 9110 section 11.6.1); fault is that of a token (RFC 6750 section 3)."""
    realm, rules = route.version.prefix, route.rules
    if not rules.key_field:
        return (b'WWW-Authenticate: ClientCertificate realm="%s"' % realm,)
    lines: tuple[bytes, ...] = (b'WWW-Authenticate: ApiKey realm="%s", header="%s"' % (realm, rules.key_field),)
    if rules.reads_basic:
        lines = (*lines, b'WWW-Authenticate: Basic realm="%s", charset="UTF-8"' % realm)
    if rules.tokens is None:
        return lines
    bearer = b'WWW-Authenticate: Bearer realm="%s"' % realm
    if fault:
        bearer += b', error="invalid_token", error_description="%s"' % fault.encode("ascii", "replace")
    return (bearer,) if rules.tokens.policy.is_only else (bearer, *lines)


_WANTED_OR_CERTIFICATE = (
    "Send an API key, or call with a client certificate that an application registered.",
    "Send a token in Authorization: Bearer, or call with a client certificate that an application registered.",
)


def wanted_of(route: RouteEntry) -> str:
    """What a caller who said nothing of itself is asked for."""
    rules = route.rules
    if not rules.key_field:
        return "Call with a client certificate that an application registered."
    if rules.takes_certificates:
        return _WANTED_OR_CERTIFICATE[rules.tokens is not None]
    return "Send an API key." if rules.tokens is None else "Send a token in Authorization: Bearer."


def scope_challenge(route: RouteEntry, scopes: str) -> bytes:
    """WWW-Authenticate for a token without the scopes that the route needs (RFC 6750 section 3.1)."""
    realm = route.version.prefix
    return b'WWW-Authenticate: Bearer realm="%s", error="insufficient_scope", scope="%s"' % (realm, scopes.encode())


def take_key(  # noqa: C901, PLR0912 - a table of two fields, read in one pass
    head: RequestHead, rules: Rules
) -> tuple[bytes, Refusal | None]:
    """The API key or token, "" when none was sent. Fields that might have held one and do not are forwarded."""
    keys = head.keys or ()
    if len(keys) == 1 and keys[0][0] == rules.key_field and keys[0][1].startswith(KEY_PREFIX):
        return keys[0][1], None  # nearly all requests
    key, bearer, authorization, certificate = b"", b"", b"", b""
    for name, value in keys:
        if name == rules.key_field:
            if key:
                return b"", Refusal("bad-request", "The key header is doubled.", is_closing=True)
            key = value
        elif name == b"authorization":
            if authorization:
                return b"", Refusal("bad-request", "The Authorization header is doubled.", is_closing=True)
            authorization = value
            if value[:7].lower() == _BEARER:
                bearer = value[7:].strip()
        elif name == CERTIFICATE_FIELD:
            certificate = value if rules.takes_certificates else b""
        else:
            head.lines.append(name + b": " + value)
    if authorization and rules.key_field != b"authorization":
        if rules.reads_basic and not key and (password := _password(authorization)):
            return password, None
        is_read = rules.reads_bearer or rules.tokens is not None
        is_key = bearer.startswith(KEY_PREFIX) or (not key and bool(bearer) and is_read)
        if not is_key:
            head.lines.append(b"Authorization: " + authorization)
    elif key[:7].lower() == _BEARER:
        key = key[7:].strip()
    if not key and (rules.reads_bearer or (rules.tokens is not None and not bearer.startswith(KEY_PREFIX))):
        key = bearer
    return key or certificate, None


def _password(authorization: bytes) -> bytes:
    """The password of Basic credentials (RFC 7617); b"" for anything else. The user name may be any."""
    if authorization[:6].lower() != _BASIC:
        return b""
    try:
        pair = binascii.a2b_base64(authorization[6:].strip(), strict_mode=True)
    except (ValueError, binascii.Error):
        return b""
    return pair.partition(b":")[2]
