"""The one form of a path that is matched and forwarded.

Rules: origin-form only; bytes as in RFC 3986; escapes of unreserved characters are undone and the rest written in upper
case (section 6.2.2); repeated slashes become one; dot segments are resolved (section 5.2.4) and may not climb above the
root. Refused, because readers differ about them: encoded slash, backslash or control characters, escapes that are
not UTF-8, and dot segments that hide behind a path parameter (`/..;x/`, `/..%3Bx/`).
"""

from __future__ import annotations

import re
from typing import Final

from gateway_sync.runtime.core.octets import consists_of

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PLAIN: Final = _UNRESERVED + b"/"  # with nothing to undo: nearly every path
_PATH: Final = re.compile(rb"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_QUERY: Final = bytes(byte for byte in range(0x21, 0x7F) if byte != ord("#"))
_FORBIDDEN: Final = frozenset({*range(0x20), 0x7F, ord("/"), ord("\\")})


def canonical_path(path: bytes) -> bytes | None:
    """The canonical form of a path without its query, or None when it must be refused."""
    is_plain = path.find(b"//") < 0 and path.find(b"/.") < 0 and path[:1] == b"/" and consists_of(path, _PLAIN)
    return path if is_plain else _canonical_slow(path)  # find, because `in` on bytes costs twice as much


def _canonical_slow(path: bytes) -> bytes | None:
    if _PATH.fullmatch(path) is None:
        return None
    try:
        _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), path).decode()
    except UnicodeDecodeError:
        return None
    if any(int(match[1], 16) in _FORBIDDEN for match in _ESCAPE.finditer(path)):
        return None
    path = _ESCAPE.sub(_canonical_escape, path)
    segments: list[bytes] = []
    parts = path.split(b"/")
    for part in parts[1:]:
        name = part.replace(b"%3B", b";").partition(b";")[0]
        if name in (b".", b"..") and name != part:
            return None
        if part == b"..":
            if not segments:
                return None
            segments.pop()
        elif part not in (b"", b"."):
            segments.append(part)
    is_folder = parts[-1] in (b"", b".", b"..") and bool(segments)
    return b"/" + b"/".join(segments) + (b"/" if is_folder else b"")


def _canonical_escape(match: re.Match[bytes]) -> bytes:
    byte = bytes([int(match[1], 16)])
    return byte if byte in _UNRESERVED else match[0].upper()


def is_query(query: bytes) -> bool:
    """True when a query holds nothing but visible ASCII; it is forwarded as it is."""
    return not query.translate(None, _QUERY)
