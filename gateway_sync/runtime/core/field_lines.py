"""FieldLines: what each field line of a request is for: forwarded, dropped, or read by the gateway.

A line is judged once and remembered: one seen before costs one look-up. What is remembered is bounded, and belongs to
one snapshot. Hot path: set look-ups and bytes.translate cost a fraction of a regular expression.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final

from gateway_sync.messages import FramingError
from gateway_sync.runtime.core.octets import consists_of

REMEMBERED_LINES: Final = 4096
REMEMBERED_BYTES: Final = 512
REMEMBERED_NAME_BYTES: Final = 64

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE: Final = b"\t" + bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)  # noqa: PLR2004 - DEL
_HOST: Final = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(?::([0-9]{0,5}))?"
)
_MAX_PORT: Final = 65_535
_DIGITS: Final = re.compile(rb"[0-9]{1,18}")

# Fields that end at this hop (RFC 9110 section 7.6.1) and are not needed for framing.
_HOP_BY_HOP: Final = frozenset(
    {b"keep-alive", b"proxy-connection", b"te", b"trailer", b"proxy-authorization", b"proxy-authenticate"}
)
# What a client must not tell an upstream about itself, nor about the method it calls (it was admitted for another).
_UNTRUSTED: Final = frozenset({
    b"forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip", b"cf-connecting-ip", b"x-cluster-client-ip",
    b"x-original-url",
    b"x-rewrite-url", b"x-original-host", b"x-user-id", b"x-user", b"x-user-name", b"x-username", b"x-remote-user",
    b"remote-user", b"x-tenant-id",
    b"x-http-method-override", b"x-http-method", b"x-method-override", b"client-cert", b"client-cert-chain",
    b"x-client-cert", b"proxy",
})  # fmt: skip
_UNTRUSTED_PREFIXES: Final = (
    b"x-forwarded",
    b"x-consumer",
    b"x-credential",
    b"x-authenticated",
    b"x-apim-",
    b"ssl-client-",
    b"x-ssl-client",
)

# What a line is for. Numbers, because each request compares a few of them.
FORWARD: Final = 0
DROP: Final = 1
HOST: Final = 2
KEY: Final = 3
CONNECTION: Final = 4
LENGTH: Final = 5
ORIGIN: Final = 6
CODING: Final = 7
EXPECT: Final = 8
REQUEST_ID: Final = 9
TRACEPARENT: Final = 10
TRACESTATE: Final = 11
VIA: Final = 12
PREFLIGHT_METHOD: Final = 13
PREFLIGHT_HEADERS: Final = 14
UPGRADE: Final = 15

_REMEMBERED: Final = frozenset({DROP, HOST, CONNECTION, LENGTH, KEY})


class Verdict:
    """What a line is for, with its value and, of a field that may hold a key, its name in lower case."""

    __slots__ = ("kind", "name", "value")

    def __init__(self, kind: int, value: bytes = b"", name: bytes = b"") -> None:
        """kind is one of the constants above."""
        self.kind = kind
        self.value = value
        self.name = name


_FORWARD: Final = Verdict(FORWARD)
_DROP: Final = Verdict(DROP)


class FieldLines:
    """Judges field lines for one snapshot, whose APIs say which fields may carry a key.

    Shapes: plain holds lines that are forwarded as they are, seen the verdicts on others; a name as it was spelled is
    in _kinds once it is known to be a token.
    """

    def __init__(self, key_fields: frozenset[bytes]) -> None:
        """key_fields in lower case."""
        self.plain: set[bytes] = set()
        self.seen: dict[bytes, Verdict] = {}
        self._kinds: dict[bytes, int] = {}
        self._key_fields = {name for name in key_fields if not _has_meaning(name)} | {b"authorization"}

    def judge(self, line: bytes) -> Verdict:
        """The verdict on a line that is not remembered. Errors: FramingError when it is no field line."""
        name, colon, value = line.partition(b":")
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._learn(name)
        value = value.strip(b" \t")
        if not colon or not consists_of(value, _VALUE):
            raise FramingError("bad-request", "A header line is malformed.")
        if kind == FORWARD:
            if len(line) <= REMEMBERED_BYTES:
                if len(self.plain) >= REMEMBERED_LINES:
                    self.plain.clear()
                self.plain.add(line)
            return _FORWARD
        if kind in _REMEMBERED:
            return self._remember(line, kind, name, value)
        return Verdict(kind, value)

    def _remember(self, line: bytes, kind: int, name: bytes, value: bytes) -> Verdict:
        """A verdict that holds for the line whenever it comes; Host and Content-Length are checked once for each."""
        if kind == HOST and not is_host(value):
            raise FramingError("bad-request", "The Host header is malformed or doubled.")
        if kind == LENGTH and _DIGITS.fullmatch(value) is None:
            raise FramingError("bad-request", "Content-Length is malformed or doubled.")
        verdict = _DROP if kind == DROP else Verdict(kind, value, name.lower() if kind == KEY else b"")
        if len(line) <= REMEMBERED_BYTES:
            if len(self.seen) >= REMEMBERED_LINES:
                self.seen.clear()
            self.seen[line] = verdict
        return verdict

    def verdict_on(self, line: bytes) -> Verdict:
        """The verdict on any line. Errors: as judge."""
        return _FORWARD if line in self.plain else self.seen.get(line) or self.judge(line)

    def _learn(self, name: bytes) -> int:
        """What a field of this name is for. Errors: FramingError when it is no name."""
        if not name or name.translate(None, _TOKEN):
            raise FramingError("bad-request", "A header line is malformed.")
        kind = self._kind_of(name.lower())
        if len(name) <= REMEMBERED_NAME_BYTES:
            if len(self._kinds) >= REMEMBERED_LINES:
                self._kinds.clear()
            self._kinds[name] = kind
        return kind

    def _kind_of(self, name: bytes) -> int:
        if name in self._key_fields:
            return KEY
        if name in _USED:
            return _USED[name]
        # content_length would become Content-Length behind a CGI-style upstream (CVE-2026-3902).
        if _has_meaning(name) or name.replace(b"_", b"-") in self._key_fields:
            return DROP
        return FORWARD


def is_host(value: bytes) -> bool:
    """True for a host with or without a port (RFC 3986 section 3.2): a name or an address, and nobody's user info."""
    match = _HOST.fullmatch(value)
    if match is None or int(match[2] or b"0") > _MAX_PORT:
        return False
    try:
        return match[1] is None or IPv6Address(match[1].decode()) is not None
    except ValueError:
        return False


_USED: Final = {
    b"host": HOST,
    b"connection": CONNECTION,
    b"content-length": LENGTH,
    b"transfer-encoding": CODING,
    b"expect": EXPECT,
    b"x-request-id": REQUEST_ID,
    b"traceparent": TRACEPARENT,
    b"tracestate": TRACESTATE,
    b"upgrade": UPGRADE,
    b"via": VIA,
    b"origin": ORIGIN,
    b"access-control-request-method": PREFLIGHT_METHOD,
    b"access-control-request-headers": PREFLIGHT_HEADERS,
}


def _has_meaning(name: bytes) -> bool:
    """True when this gateway reads the field or never forwards it: one API's key in it would blind all the others."""
    dashed = name.replace(b"_", b"-")
    is_dropped = dashed in _HOP_BY_HOP or dashed in _UNTRUSTED or dashed.startswith(_UNTRUSTED_PREFIXES)
    return is_dropped or dashed in _USED
