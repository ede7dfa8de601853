"""What a case of the corpus is: bytes for the gateway and what must come of them; the words rules are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.wire.gateways import KEY

MARK = b"CASE-ID0"  # takes the place of the number of a run, by which the recorder knows whose a message is
HOST = b"Host: api.example.com"
BASE = (HOST, f"X-API-Key: {KEY}".encode(), b"X-Case: " + MARK)
ACCOUNTS = b"/bank/v1/accounts"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of it is forwarded; one answer with one of the statuses; closed, and nothing that follows is served."""

    statuses: tuple[int, ...] = (400,)


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing of it is forwarded; one answer with one of the statuses; what follows is served: its end was clear."""

    statuses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """Its head may have gone on, never its end; at most one answer; closed, and nothing that follows is served."""

    statuses: tuple[int, ...] = (400,)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One well-formed message is forwarded, what follows is served too.

    Shapes: fields are all lines of the caller that are left, in order; length is that of a sized body, -1 for a chunked
    one, None without a body; is_last says that the connection ends with it; host is what the upstream is told.
    """

    target: bytes = b"/accounts"
    fields: tuple[bytes, ...] = ()
    length: int | None = None
    content: bytes = b""
    method: bytes = b"GET"
    is_last: bool = False
    host: bytes = b"api.example.com"


Expectation = Refused | Denied | Cut | Forwarded


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes as a client sends them. Shapes: ahead counts whole requests before the one in question; is_half_closed says
    that the client is done sending after them."""

    name: str
    raw: bytes
    expected: Expectation
    ahead: int = 0
    is_half_closed: bool = False


Rule = Callable[[], Iterator[Case]]


def get(
    *lines: bytes,
    target: bytes = ACCOUNTS,
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    base: tuple[bytes, ...] = BASE,
) -> bytes:
    """A request without a body; lines come after those of the base."""
    return b"\r\n".join((method + b" " + target + b" " + version, *base, *lines, b"", b""))


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1", base: tuple[bytes, ...] = BASE) -> bytes:
    """A POST with lines that should say how long the body is."""
    return get(*lines, method=b"POST", version=version, base=base) + body


def chunked(body: bytes, *lines: bytes) -> bytes:
    """A POST with a chunked body, given as on the wire."""
    return post(b"Transfer-Encoding: chunked", *lines, body=body)


def shown(value: bytes) -> str:
    """Bytes as a reader of a table can tell them apart."""
    text = repr(value)[2:-1] if value else "(empty)"
    return text if len(text) <= 60 else f"{text[:40]}… ({len(value)} bytes)"


def named(values: tuple[bytes, ...] | list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each value with its name."""
    for value in values:
        yield shown(value), value


CONTROLS = tuple(bytes([byte]) for byte in (*range(0x20), 0x7F) if byte != ord("\t"))
