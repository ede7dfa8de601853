"""Rules about the request line, the ends of lines, versions and methods."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.corpus.case import ACCOUNTS, BASE, Case, Denied, Forwarded, Refused, get, named, post

_FIELDS = b"\r\n".join((*BASE, b"", b""))
_ANY = b"/bank/v1/open/x"  # a route that takes every method


def bare_line_end() -> Iterator[Case]:
    """LF alone, CR alone, or more than CR LF at the end of a line of the head.

    Source: RFC 9112 section 2.2 (a recipient may take a bare LF; here it does not, since others do not)
    """
    lines = get().split(b"\r\n")[:-2]
    for name, end in (
        ("LF", b"\n"),
        ("CR", b"\r"),
        ("CR CR LF", b"\r\r\n"),
        ("LF CR", b"\n\r"),
        ("LF LF", b"\n\n"),
        ("CR CR", b"\r\r"),
    ):
        yield Case(f"{name} everywhere", end.join((*lines, b"", b"")), Refused((400, 505)))
        for number in range(len(lines)):
            start = b"\r\n".join(lines[: number + 1])
            rest = b"\r\n".join((*lines[number + 1 :], b"", b""))
            yield Case(f"{name} after line {number + 1}", start + end + rest, Refused((400, 505)))
    whole = get()[:-2]
    for name, end in (
        ("LF", b"\n"),
        ("CR", b"\r"),
        ("LF LF", b"\n\n"),
        ("LF CR LF", b"\n\r\n"),
        ("CR CR LF", b"\r\r\n"),
        ("NUL", b"\0\r\n\r\n"),
    ):
        yield Case(f"{name} at the end", whole + end, Refused())
    yield Case("space on the last line", whole + b" \r\n\r\n", Refused())


def malformed_request_line() -> Iterator[Case]:
    """A request line that is not three words with one space between each two.

    Source: RFC 9112 section 3
    """
    for name, line in named([
        b"GET  " + ACCOUNTS + b" HTTP/1.1", b"GET " + ACCOUNTS + b"  HTTP/1.1", b" GET " + ACCOUNTS + b" HTTP/1.1",
        b"GET " + ACCOUNTS + b" HTTP/1.1 ",
        b"GET\t" + ACCOUNTS + b" HTTP/1.1", b"GET " + ACCOUNTS + b"\tHTTP/1.1", b"\tGET " + ACCOUNTS + b" HTTP/1.1",
        b"GET\x0b" + ACCOUNTS + b"\x0cHTTP/1.1",
        b"GET " + ACCOUNTS + b" x HTTP/1.1", b"GET " + ACCOUNTS + b" HTTP/1.1 x", b"GET" + ACCOUNTS + b" HTTP/1.1",
        b"GET " + ACCOUNTS + b"HTTP/1.1",
        b"GET HTTP/1.1", b"GET", b" ", b"GET\xa0" + ACCOUNTS + b" HTTP/1.1", b"GET /a\rb HTTP/1.1",
        b"GET " + ACCOUNTS + b"\r HTTP/1.1",
        b"Host: a", b"HTTP/1.1 200 OK", ACCOUNTS, b"\x00GET " + ACCOUNTS + b" HTTP/1.1",
        b"\xef\xbb\xbfGET " + ACCOUNTS + b" HTTP/1.1",
    ]):  # fmt: skip
        yield Case(name, line + b"\r\n" + _FIELDS, Refused((400, 505)))


def other_version() -> Iterator[Case]:
    """Versions that are not spoken here, HTTP/0.9 and cleartext HTTP/2 among them.

    Source: RFC 9112 section 2.3, RFC 9110 section 2.5, 15.6.6, RFC 9113 section 3.4
    """
    for name, version in named([
        b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/0.9", b"HTTP/1.10", b"HTTP/1.01", b"HTTP/01.1",
        b"HTTP/11", b"HTTP/1", b"HTTP/2", b"HTTP/1.",
        b"HTTP/.1", b"HTTP/1,1", b"HTTP/-1.1", b"HTTP/1.1.1", b"HTTP/a.b", b"http/1.1", b"Http/1.1", b"HTTPS/1.1",
        b"HTCPCP/1.0", b"RTSP/1.0", b"SIP/2.0", b"ICY",
        b"HTTP", b"HTTP/1.1\x00", b"HTTP/1.1\x0b", b"HTTP/\xb9.1", b"xHTTP/1.1", b"HTTP/1.1;", b"HTTP/1.1,", b"",
        b"\tHTTP/1.1",
    ]):  # fmt: skip
        yield Case(name, get(version=version), Refused((400, 505)))
    yield Case("HTTP/0.9 without a version", b"GET " + ACCOUNTS + b"\r\n\r\n", Refused())
    yield Case("HTTP/0.9 with fields", b"GET " + ACCOUNTS + b"\r\n" + _FIELDS, Refused())
    yield Case("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused((505,)))
    yield Case("preface of HTTP/2 as HTTP/1.1", b"PRI * HTTP/1.1\r\n" + _FIELDS, Refused())
    for name, words in named([
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"EHLO a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n\r\n", b"USER a\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n\r\n", b"\r\n\r\n\x00\r\n\r\n", b"\x00\x00\x00\r\n\r\n", b"{}\r\n\r\n",
        b"stats\r\n\r\n",
    ]):  # fmt: skip
        yield Case(f"another protocol {name}", words, Refused((400, 505)))
    yield Case("HTTP/1.0", get(version=b"HTTP/1.0"), Forwarded(is_last=True))
    yield Case("HTTP/1.0 kept alive", get(b"Connection: keep-alive", version=b"HTTP/1.0"), Forwarded())


def before_the_request_line() -> Iterator[Case]:
    """Empty lines before a request are ignored; nothing else is.

    Source: RFC 9112 section 2.2
    """
    for number in (1, 2, 3, 50):
        yield Case(f"{number} times CR LF", b"\r\n" * number + get(), Forwarded())
    for name, put in named(
        [
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\r\r\n",
            b"\r\n\n",
            b"\r\n ",
            b"\r\n\r",
            b"\n\r\n",
            b" \r\n",
            b"\x00",
            b"\x00\r\n",
            b"x\r\n",
            b"0\r\n\r\n",
        ]
    ):
        yield Case(name, put + get(), Refused())


def malformed_method() -> Iterator[Case]:
    """Methods in another case than they are defined in, and what is no token.

    Source: RFC 9110 section 9.1 (case-sensitive), 5.6.2
    """
    for name, method in named([
        b"get", b"Get", b"gET", b"post", b"trace", b"Trace", b"connect", b"G\x00ET", b"GET\x00", b"GE T", b"G\tET",
        b"GET:", b"GET,", b'"GET"', b"GET\x0b", b"G@T",
        b"(GET)", b"GET/", b"/GET", b"\xffGET", b"G\xc3\x89T", b"GET\xa0", b"-GET", b"1GET", b"<GET>", b"", b"GET\r",
        b"G\nET", b"X" * 33, b"X" * 60_000,
    ]):  # fmt: skip
        yield Case(name, get(method=method), Refused())
        if len(method) < 9:
            yield Case(f"{name} where any method is served", get(method=method, target=_ANY), Refused())


def refused_method() -> Iterator[Case]:
    """TRACE and CONNECT are never served, whatever a route allows.

    Source: RFC 9110 section 9.3.8, 9.3.6, 17.9
    """
    for method in (b"TRACE", b"CONNECT"):
        for name, target in named(
            [
                ACCOUNTS,
                _ANY,
                b"/",
                b"/nowhere",
                b"http://api.example.com" + ACCOUNTS,
                b"*",
                b"api.example.com:443",
                b"127.0.0.1:22",
            ]
        ):
            yield Case(f"{method.decode()} {name}", get(method=method, target=target), Refused((501,)))
        raw = get(b"Content-Length: 5", method=method, target=_ANY) + b"hello"
        yield Case(f"{method.decode()} with a body", raw, Refused((501,)))
        raw = get(b"Max-Forwards: 0", method=method, target=_ANY)
        yield Case(f"{method.decode()} with Max-Forwards", raw, Refused((501,)))
        raw = get(method=method, target=_ANY, version=b"HTTP/1.0")
        yield Case(f"{method.decode()} in HTTP/1.0", raw, Refused((501,)))


def unusual_method() -> Iterator[Case]:
    """Well-formed methods meet the route: 405 where it does not have them, forwarded where it takes any.

    Source: RFC 9110 section 9.1, 15.5.6
    """
    for method in (b"PUT", b"DELETE", b"PATCH", b"PROPFIND", b"M-SEARCH", b"PURGE", b"OPTIONS", b"QUERY", b"X" * 32):
        yield Case(f"{method.decode()} unknown to the route", get(method=method), Denied((405,)))
        yield Case(
            f"{method.decode()} served", get(method=method, target=_ANY), Forwarded(target=b"/open/x", method=method)
        )
    yield Case("HEAD by GET", get(method=b"HEAD"), Forwarded(method=b"HEAD"))
    raw = get(b"X-HTTP-Method-Override: DELETE")
    yield Case("override by a field", raw, Forwarded())
    raw = post(b"Content-Length: 5", b"X-HTTP-Method: PUT", body=b"hello")
    yield Case("override of a POST", raw, Forwarded(method=b"POST", length=5, content=b"hello"))


def oversized_target() -> Iterator[Case]:
    """Targets beyond 16,384 bytes.

    Source: RFC 9112 section 3 (414), RFC 9110 section 15.5.15
    """
    longest = ACCOUNTS + b"?" + b"x" * (16_384 - len(ACCOUNTS) - 1)
    yield Case("16,384 bytes", get(target=longest), Forwarded(target=longest.removeprefix(b"/bank/v1")))
    yield Case("one byte more", get(target=longest + b"x"), Refused((414,)))
    yield Case("20,000 bytes of path", get(target=ACCOUNTS + b"/" + b"x" * 20_000), Refused((414,)))
    yield Case("70,000 bytes", get(target=ACCOUNTS + b"?" + b"x" * 70_000), Refused((414, 431)))
    yield Case("authority of 20,000 bytes", get(target=b"http://" + b"a" * 20_000 + ACCOUNTS), Refused((414,)))
    yield Case("10,000 dot segments", get(target=b"/bank/v1" + b"/." * 4000 + b"/accounts"), Forwarded())
