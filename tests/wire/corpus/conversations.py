"""Rules about what comes before and after a message: pipelining, expectations, upgrades, a client that stops."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.corpus.case import ACCOUNTS, Case, Cut, Forwarded, Refused, chunked, get, named, post

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
_CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def refused_within_a_pipeline() -> Iterator[Case]:
    """A refused message between others: those before it are served, it and those after it are not.

    Source: RFC 9112 section 9.3.2, 11.2
    """
    bad = {
        "length beside coding": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=_CHUNKS),
        "two lengths": post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"),
        "malformed length": post(b"Content-Length: +5", body=b"hello"),
        "doubled Host": get(b"Host: other"),
        "space before the colon": get(b"X-A : 1"),
        "folded line": get(b"X-A: 1\r\n 2"),
        "bare LF": get(b"X-A: 1\nX-B: 2"),
        "NUL": get(b"X-A: \x00"),
        "malformed target": get(target=b"/bank/v1/%zz"),
        "malformed request line": get(target=b"/a b"),
    }
    for name, raw in bad.items():
        for ahead in (1, 3):
            yield Case(f"{name} after {ahead}", get() * ahead + raw, Refused(), ahead=ahead)
    raw = post(b"Content-Length: 5", body=b"hello") + bad["bare LF"]
    yield Case("bare LF after a body", raw, Refused(), ahead=1)
    raw = chunked(_CHUNKS) + bad["two lengths"]
    yield Case("two lengths after chunks", raw, Refused(), ahead=1)
    raw = get(b"Connection: close") + get()
    yield Case("after the last one nothing is served", raw, Forwarded(is_last=True))
    yield Case("unknown version after one", get() + get(version=b"HTTP/1.2"), Refused((505,)), ahead=1)
    yield Case("TRACE after one", get() + get(method=b"TRACE"), Refused((501,)), ahead=1)
    yield Case("body longer than its length", post(b"Content-Length: 4", body=b"hello"), Refused(), ahead=1)
    yield Case("chunk after the last", chunked(_CHUNKS + b"5\r\nhello\r\n0\r\n\r\n"), Refused(), ahead=1)
    yield Case("CR after a message", get() + b"\r", Refused(), ahead=1)
    yield Case("LF after a message", get() + b"\n", Refused(), ahead=1)
    yield Case("CR LF after a message", get() + b"\r\n", Forwarded())


def expectation() -> Iterator[Case]:
    """100-continue in any case; every other expectation is refused.

    Source: RFC 9110 section 10.1.1
    """
    hello = Forwarded(method=b"POST", length=5, content=b"hello")
    for name, value in named([b"100-continue", b"100-Continue", b"100-CONTINUE", b" 100-continue\t"]):
        yield Case(name, post(b"Expect:" + value, b"Content-Length: 5", body=b"hello"), hello)
    for name, value in named([
        b"", b"200-ok", b"100", b"100-continu", b"100-continue1", b"y 100-continue", b"100-continue y",
        b"100-continue, 100-continue", b"100-continue;q=1", b"100-continue,",
        b",100-continue", b'"100-continue"', b"100 continue", b"100_continue", b"continue", b"chunked",
    ]):  # fmt: skip
        yield Case(f"refused {name}", post(b"Expect: " + value, b"Content-Length: 5", body=b"hello"), Refused((417,)))
    yield Case("control byte", post(b"Expect: \x0b100-continue", b"Content-Length: 5", body=b"hello"), Refused())
    yield Case(
        "twice", post(b"Expect: 100-continue", b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"), hello
    )
    yield Case("without a body", get(b"Expect: 100-continue"), Forwarded())
    chunks = chunked(_CHUNKS, b"Expect: 100-continue")
    yield Case("with chunks", chunks, Forwarded(method=b"POST", length=-1, content=b"hello"))
    raw = post(b"Expect: 100-continue", b"Content-Length: 5", b"Transfer-Encoding: chunked", body=_CHUNKS)
    yield Case("length beside coding", raw, Refused())
    raw = post(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0")
    yield Case("HTTP/1.0", raw, Forwarded(method=b"POST", length=5, content=b"hello", is_last=True))
    raw = post(b"Expect: 100-continue", b"Content-Length: 1048577", body=b"hello")
    yield Case("body that is too large", raw, Refused((413,)))


def upgrade_to_http2() -> Iterator[Case]:
    """An upgrade to HTTP/2 is neither accepted nor forwarded, so no tunnel opens past the policies.

    Source: RFC 9110 section 7.8, RFC 9113 section 3.1 (h2c by Upgrade is gone)
    """
    settings = b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"
    for name, lines in {
        "h2c": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", settings),
        "in another case": (b"connection: upgrade, http2-settings", b"upgrade: H2C", settings),
        "in two lines": (b"Connection: Upgrade", b"Connection: HTTP2-Settings", b"Upgrade: h2c", settings),
        "among others": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: foo/1, h2c", settings),
        "h2": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2", settings),
        "TLS": (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: TLS/1.2", settings),
    }.items():
        yield Case(name, get(*lines), Forwarded())
        yield Case(f"{name}, then the preface", get(*lines) + _PREFACE, Refused((400, 505)), ahead=1)
    lines = (b"Upgrade: h2c", settings)
    yield Case("not named by Connection", get(*lines), Forwarded(fields=(settings,)))
    yield Case("named, not there", get(b"Connection: Upgrade"), Forwarded())
    raw = post(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", settings, b"Content-Length: 5", body=b"hello")
    yield Case("with a body", raw, Forwarded(method=b"POST", length=5, content=b"hello"))


def client_that_stops() -> Iterator[Case]:
    """A client that is done sending in the middle of a message: it never becomes a whole one.

    Source: RFC 9112 section 8, 9.6
    """
    whole = get()
    for at in (
        1,
        3,
        4,
        len(ACCOUNTS),
        len(ACCOUNTS) + 12,
        len(whole) - 40,
        len(whole) - 3,
        len(whole) - 2,
        len(whole) - 1,
    ):
        yield Case(f"head of {at} bytes", whole[:at], Cut((400, 408)), is_half_closed=True)
    for name, body in named([b"", b"h", b"hell"]):
        yield Case(f"body {name} of 5", post(b"Content-Length: 5", body=body), Cut((400, 408)), is_half_closed=True)
    for name, body in named([
        b"", b"5", b"5\r", b"5\r\n", b"5\r\nhel", b"5\r\nhello", b"5\r\nhello\r", b"5\r\nhello\r\n",
        b"5\r\nhello\r\n0", b"5\r\nhello\r\n0\r\n", b"5\r\nhello\r\n0\r\n\r",
        b"5\r\nhello\r\n0\r\nX: y\r\n",
    ]):  # fmt: skip
        yield Case(f"chunks {name}", chunked(body), Cut((400, 408)), is_half_closed=True)
    yield Case("after a whole message", get(), Forwarded(), is_half_closed=True)
    yield Case(
        "after a body",
        post(b"Content-Length: 5", body=b"hello"),
        Forwarded(method=b"POST", length=5, content=b"hello"),
        is_half_closed=True,
    )
