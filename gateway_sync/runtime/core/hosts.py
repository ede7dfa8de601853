"""Hosts: what the name that a caller uses decides, before anything else of its request is looked at.

Owns: finding the configured host of a name, redirects, client certificates, and the paths of a host that stands for
one API. Must not know: sockets, how a chain was verified.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway_sync.messages import Refusal, RequestHead
from gateway_sync.runtime.core.keys import CERTIFICATE_FIELD, CERTIFICATE_MARK
from gateway_sync.runtime.core.paths import canonical_path
from gateway_sync.snapshot import Challenge, Host

REMEMBERED_NAMES = 4096
_HTTPS_PORT = 443
CHALLENGE_PATH = b"/.well-known/acme-challenge/"  # RFC 8555 section 8.3
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


@dataclass(slots=True)
class TLSPeer:
    """What the handshake told of a caller.

    Shapes: server_name is the SNI, lower case, "" = none; chain is the verified chain of its certificate, DER, the
    certificate itself first, () = it showed none; is_vouched says whether the host of the last request trusts it.
    """

    server_name: str = ""
    chain: tuple[bytes, ...] = ()
    is_vouched: bool = False
    _key: bytes = b""

    def key(self) -> bytes:
        """What names its certificate among the keys of a head; only for one that is vouched for."""
        if not self._key:
            self._key = CERTIFICATE_MARK + hashlib.sha256(self.chain[0]).digest()
        return self._key

    def identity_line(self) -> bytes:
        """Client-Cert (RFC 9440), as a service is told; "" for a caller whose certificate its host does not trust."""
        if not self.is_vouched or not self.chain:
            return b""
        return b"Client-Cert: :%s:\r\n" % base64.b64encode(self.chain[0])


class HostEntry:
    """One configured host, ready for use."""

    __slots__ = ("answer_lines", "authorities", "base_path", "client_certificates", "is_redirected", "name", "prefix")

    def __init__(self, host: Host) -> None:
        """answer_lines go with answers by HTTPS; authorities are the DER of those who vouch for clients."""
        self.name = host.name
        self.prefix = host.prefix.encode()
        self.base_path = host.base_path.encode()
        self.is_redirected = host.is_redirected_to_https
        self.client_certificates = host.client_certificates
        self.authorities = frozenset(base64.b64decode(block) for block in _PEM.findall(host.client_ca))
        age_s = host.hsts_max_age_s
        self.answer_lines = b"Strict-Transport-Security: max-age=%d\r\n" % age_s if age_s else b""  # RFC 6797

    def inner_path(self, path: bytes) -> bytes | None:
        """The path under /{api}/{version} that a canonical path of this host means; None when it means none.

        A path that begins with the prefix itself is taken as it is: links in answers are written so.
        """
        if not self.prefix or path == self.prefix or path.startswith(self.prefix + b"/"):
            return path
        base = self.base_path
        if path == base or path.startswith(base + b"/"):
            return self.prefix + path[len(base) :]
        return None


class HostTable:
    """The hosts of one snapshot by name."""

    def __init__(self, hosts: Iterable[Host], challenges: Iterable[Challenge] = ()) -> None:
        """Exact names win over wildcards, which stand for one label. is_challenged = an authority looks at some."""
        entries = [HostEntry(host) for host in hosts]
        self.entries = tuple(entries)
        self._exact = {entry.name: entry for entry in entries if not entry.name.startswith("*.")}
        self._wildcards = {entry.name[2:]: entry for entry in entries if entry.name.startswith("*.")}
        self._names: dict[bytes, str] = {}
        self._answers = {
            (one.host, CHALLENGE_PATH + one.token.encode()): one.answer.encode() for one in challenges if one.token
        }
        self.is_challenged = bool(self._answers)

    def challenge_answer(self, head: RequestHead) -> bytes | None:
        """What an authority is answered who looks whether a host is ours, over plain HTTP; None for all others."""
        if head.method not in (b"GET", b"HEAD"):
            return None
        return self._answers.get((self.name_of(head.host), head.target_path))

    def find(self, name: str) -> HostEntry | None:
        """The entry of a host name."""
        return self._exact.get(name) or self._wildcards.get(name.partition(".")[2])

    def name_of(self, host: bytes) -> str:
        """The name in a Host field that has been checked: lower case, without port and final dot."""
        name = self._names.get(host)
        if name is None:
            text = host.decode("latin-1").lower()
            name = text.partition("]")[0] + "]" if text.startswith("[") else text.partition(":")[0].rstrip(".")
            if len(self._names) >= REMEMBERED_NAMES:
                self._names.clear()
            self._names[host] = name
        return name


def place(table: HostTable, head: RequestHead, peer: TLSPeer | None, tls_port: int) -> tuple[Refusal | None, bytes]:
    """What the name that the caller used refuses, and the lines that its answers carry; head's path becomes inner.

    Shapes: peer None = the caller came by plain HTTP.
    """
    name = table.name_of(head.host)
    if peer is not None:
        peer.is_vouched = False
        if peer.server_name and peer.server_name != name:
            detail = "The Host is not the name that the connection was made for."
            return Refusal("misdirected", detail), b""  # RFC 9110 section 7.4
    entry = table.find(name)
    if entry is None:
        return None, b""
    refusal = _refusal_over_http(entry, head, tls_port) if peer is None else _refusal_of_peer(entry, peer)
    if peer is not None and peer.is_vouched:
        head.keys = [*(head.keys or ()), (CERTIFICATE_FIELD, peer.key())]
    if refusal is None and entry.prefix and (path := canonical_path(head.target_path)) is not None:
        inner = entry.inner_path(path)
        if inner is None:
            refusal = Refusal("not-found")
        else:
            head.target_path = inner
    return refusal, b"" if peer is None else entry.answer_lines


def _refusal_over_http(entry: HostEntry, head: RequestHead, tls_port: int) -> Refusal | None:
    if entry.is_redirected:
        return _redirect(head, tls_port)
    if entry.client_certificates == "required":
        return Refusal("forbidden", "This host asks for a client certificate: call it by HTTPS.")
    return None


def _refusal_of_peer(entry: HostEntry, peer: TLSPeer) -> Refusal | None:
    if entry.client_certificates == "off":
        return None
    peer.is_vouched = not entry.authorities.isdisjoint(peer.chain[1:])
    if peer.is_vouched or entry.client_certificates == "optional":
        return None
    return Refusal("forbidden", "This host asks for a client certificate of its authorities.")


def _redirect(head: RequestHead, tls_port: int) -> Refusal:
    """308 to the same place by HTTPS: at its own port for who named a port, at 443 for who did not."""
    host = head.host
    bare, colon, port = host.rpartition(b":")
    if colon and (port.isdigit() or not port):
        host = bare if tls_port in (0, _HTTPS_PORT) else b"%s:%d" % (bare, tls_port)
    location = b"Location: https://%s%s%s" % (host, head.target_path, head.query)
    return Refusal("not-found", "This host is served by HTTPS.", (location,), status=308)
