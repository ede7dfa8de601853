"""A gateway before several upstreams, and calls that tell which one answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from gateway_sync.snapshot import Route, Target
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream, answer_with

HEAD = f" /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n".encode()
GET = b"GET" + HEAD + b"\r\n"
FAILED = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


def get(*lines: str) -> bytes:
    """A request with further header lines."""
    return b"GET" + HEAD + b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n"


def named(name: str) -> RawUpstream:
    """An upstream that answers with its name."""
    return RawUpstream(answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name.encode())))


@contextmanager
def gateway(
    path: Path,
    upstreams: list[RawUpstream],
    settings: dict[str, object],
    changes: list[dict[str, object]] | None = None,
    routes: tuple[str, ...] = (),
) -> Iterator[GatewayProcess]:
    """A gateway before these upstreams, closed with them; routes are further ones, like `PUT /accounts`."""
    with ExitStack() as stack:
        for upstream in upstreams:
            stack.enter_context(upstream)
        targets = tuple(
            replace(Target("http", "127.0.0.1", upstream.port, "", 100), **change)  # type: ignore[arg-type]
            for upstream, change in zip(upstreams, changes or [{}] * len(upstreams), strict=True)
        )
        version = make_version(0, targets=targets, upstream=settings)
        more = tuple(Route(route, *route.split(" "), ("prd_1",)) for route in routes)  # type: ignore[arg-type]
        home = Home(path)
        home.install(make_snapshot([replace(version, routes=(*version.routes, *more))]))
        process = GatewayProcess(home).wait_ready()
        stack.callback(process.stop)
        yield process


def ask(port: int, count: int, *requests: bytes) -> list[tuple[int, bytes]]:
    """The statuses and bodies of so many calls one after another."""
    asked = requests or (GET,)
    with RawClient(port) as client:
        answers = [client.send(asked[number % len(asked)]).read_answer() for number in range(count)]
    return [(status, body) for status, _, body in answers]


LINES = f" /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n".encode()


def body_of(method: bytes, body: bytes) -> bytes:
    """A request with a body."""
    return method + LINES + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
