"""Maps addresses that an upstream tells callers back to public ones, so that nothing reveals where it lives."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway_sync.snapshot import Target

_URL = re.compile(rb"(?:https?:)?//([^/?#<>\s\"]*)([^<>\s\"]*)", re.IGNORECASE)
_LINK_TARGET = re.compile(rb"<([^<>]*)>")
_REFRESH = re.compile(rb"(\s*\d+\s*[;,]\s*url\s*=\s*)(['\"]?)([^'\"]*)(['\"]?)", re.IGNORECASE)


class PublicLinks:
    """The mapping of one version: its targets' addresses and base paths on one side, /{api}/{version} on the other."""

    def __init__(self, prefix: bytes, targets: Sequence[Target]) -> None:
        """prefix is the public one, such as b"/bank/v1"."""
        self._prefix = prefix
        self._hosts = frozenset(target.host.lower().encode().strip(b"[]") for target in targets)
        self._addresses = _addresses_of(targets)
        self._bases = tuple(
            sorted({target.base_path.rstrip("/").encode() for target in targets}, key=len, reverse=True)
        )

    def is_leaking(self, value: bytes) -> bool:
        """True when the text of a field holds the address of a target."""
        return self._addresses is not None and self._addresses.search(value) is not None

    def public_value(self, name: bytes, value: bytes) -> bytes | None:
        """The value with public addresses in it; None when the field must be dropped."""
        if name == b"set-cookie":
            mapped = self._public_cookie(value)
        elif name == b"link":
            mapped = _LINK_TARGET.sub(lambda match: b"<" + self._public_reference(match[1]) + b">", value)
        elif name == b"refresh":
            mapped = _REFRESH.sub(lambda m: m[1] + m[2] + self._public_reference(m[3]) + m[4], value)
        else:
            mapped = self._public_reference(value)
        return None if self.is_leaking(mapped) else mapped

    def _public_reference(self, reference: bytes) -> bytes:
        """The public form of a URI reference; foreign ones stay. RFC 9110 section 10.2.2 allows relative ones."""
        match = _URL.fullmatch(reference.strip())
        if match is not None:
            authority = match[1].rpartition(b"@")[2].lower()
            host = authority.partition(b"]")[0].strip(b"[") if authority[:1] == b"[" else authority.partition(b":")[0]
            if host not in self._hosts:
                return reference
            return self._public_path(match[2] or b"/")
        return self._public_path(reference) if reference[:1] == b"/" else reference

    def _public_path(self, path: bytes) -> bytes:
        if path[:1] != b"/":
            path = b"/" + path
        for base in self._bases:
            if path == base or path.startswith((base + b"/", base + b"?")):
                return self._prefix + path[len(base) :]
        return path

    def _public_cookie(self, value: bytes) -> bytes:
        """A cookie for the gateway's host: without Domain, Path below the public prefix (RFC 6265 section 4.1.2)."""
        parts = value.split(b";")
        kept = [parts[0]]
        for part in parts[1:]:
            name, _, content = part.strip().partition(b"=")
            lower = name.lower()
            if lower == b"path":
                path = self._public_path(content) if content[:1] == b"/" else self._prefix
                if path != self._prefix and not path.startswith(self._prefix + b"/"):
                    path = self._prefix  # outside of it, other APIs on this host would be sent the cookie
                kept.append(b" Path=" + (path.rstrip(b"/") or b"/"))
            elif lower != b"domain":
                kept.append(part)
        return b";".join(kept)


def _addresses_of(targets: Sequence[Target]) -> re.Pattern[bytes] | None:
    """What gives a target away: host and port, and the host alone unless it is one plain word such as `api`."""
    hosts = {target.host.strip("[]") for target in targets}
    names = {host for host in hosts if "." in host or ":" in host} | {f"{t.host}:{t.port}" for t in targets}
    if not names:
        return None
    choices = b"|".join(re.escape(name.encode()) for name in sorted(names))
    return re.compile(rb"(?<![a-z0-9.-])(?:" + choices + rb")(?![a-z0-9-])", re.IGNORECASE)
