"""Rules about field lines: their syntax, their number, and those that only one hop may say."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.corpus.case import BASE, CONTROLS, HOST, Case, Denied, Forwarded, Refused, get, named, post, shown
from tests.wire.gateways import KEY

_NO_TOKEN = (*range(0x21), *b'"(),/;<=>?@[\\]{}', 0x7F, 0x80, 0xA0, 0xAD, 0xFF)
_KEY = f"X-API-Key: {KEY}".encode()


def folded_line() -> Iterator[Case]:
    """A line that goes on on the next one (obs-fold).

    Source: RFC 9112 section 5.2
    """
    for space in (b" ", b"\t", b"  ", b" \t"):
        for name, line in named([b"X-A: a", b"Content-Length: 0", b"Transfer-Encoding:", b"X-A:"]):
            yield Case(f"{name} then {shown(space)}", get(line + b"\r\n" + space + b"chunked"), Refused((400, 501)))
        yield Case(f"before any field {shown(space)}", get(base=(space + b"X-A: b", *BASE)), Refused())
        yield Case(f"nothing but {shown(space)}", get(b"X-A: a\r\n" + space), Refused())
        yield Case(f"the host {shown(space)}", get(base=(b"Host:\r\n" + space + b"other", *BASE[1:])), Refused())


def malformed_field_name() -> Iterator[Case]:
    """A byte in a name that no token has; whitespace before the colon is one of them.

    Source: RFC 9110 section 5.6.2, RFC 9112 section 5.1
    """
    for byte in _NO_TOKEN:
        put = bytes([byte])
        yield Case(f"within {shown(put)}", get(b"X" + put + b"A: 1"), Refused())
        yield Case(f"before the colon {shown(put)}", get(b"X-A" + put + b": 1"), Refused())
    for byte in (0x00, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x80):
        put = bytes([byte])
        yield Case(f"first {shown(put)}", get(put + b"X-A: 1"), Refused())
        yield Case(f"of Host {shown(put)}", get(base=(b"Host" + put + b": a", *BASE[1:])), Refused())
    for name, line in named([b": x", b":", b"nonsense", b"X-A", b"X-A 1", b"X-A=1", b"GET / HTTP/1.1", b"\xc3\xa9: 1"]):
        yield Case(f"line {name}", get(line), Refused())


def malformed_field_value() -> Iterator[Case]:
    """A control byte in a value: readers cut there, end the line there, or keep it.

    Source: RFC 9110 section 5.5
    """
    for control in CONTROLS:
        yield Case(f"within {shown(control)}", get(b"X-A: a" + control + b"b"), Refused())
        yield Case(f"first {shown(control)}", get(b"X-A:" + control + b"b"), Refused())
        yield Case(f"last {shown(control)}", get(b"X-A: a" + control), Refused())
    for name, line in named(
        [b"X-A: a\nX-B: b", b"X-A: a\n b", b"X-A: a\rX-B: b", b"X-A: a\n\nGET /x HTTP/1.1", b"X-A: a\r\rX: y"]
    ):
        yield Case(f"another line {name}", get(line), Refused())
    for name in (
        b"Cookie",
        b"Authorization",
        b"Via",
        b"X-Request-Id",
        b"TE",
        b"X-Forwarded-For",
        b"Origin",
        b"Connection",
    ):
        yield Case(f"NUL in {name.decode()}", get(name + b": a\x00b"), Refused())


def field_read_alike() -> Iterator[Case]:
    """Lines that every reader reads alike go on as they are.

    Source: RFC 9110 section 5.5, 5.6.2
    """
    for name, line in named([
        b"X-A: 1", b"X-A:1", b"X-A:", b"X-A: ", b"X-A: a\tb", b"X-A:  a  b ", b"X-A: \x80\xff", b"X-A: a: b:c",
        b"!#$%&'*+-.^`|~: 1",
        b"x: y", b'X-A: "q\\""', b"Cookie: a=b; c=d", b"Cookie: a=b", b"Accept: */*", b"Content-Type: text/plain",
        b"X-A: =?UTF-8?Q?=E9?=", b"1: 2", b"X-A: 5\r\nX-A: 6", b"X-Transfer: chunked", b"Range: bytes=0-1,5-6",
    ]):  # fmt: skip
        yield Case(name, get(line), Forwarded(fields=tuple(line.split(b"\r\n"))))


def oversized_head() -> Iterator[Case]:
    """Lines, blocks and numbers of fields beyond the bounds; what is just within them passes.

    Source: RFC 9110 section 5.4 (4xx for what the server is not willing to process), RFC 6585 section 5
    """
    room = 65_536 - len(get(b"X-A: ")) + 4
    long = b"X-A: " + b"x" * room
    yield Case("head of 65,536 bytes", get(long), Forwarded(fields=(long,)))
    yield Case("one byte more", get(long + b"x"), Refused((431,)))
    yield Case("line of 70,000 bytes", get(b"X-A: " + b"x" * 70_000), Refused((431,)))
    yield Case("name of 70,000 bytes", get(b"X" * 70_000 + b": 1"), Refused((431,)))
    yield Case("name of 10,000 bytes", get(b"X" * 10_000 + b": 1"), Forwarded(fields=(b"X" * 10_000 + b": 1",)))
    yield Case(
        "70 lines of 1,000 bytes", get(*(b"X-%d: " % number + b"x" * 1000 for number in range(70))), Refused((431,))
    )
    most = tuple(b"X-%d: 1" % number for number in range(199 - len(BASE)))
    yield Case("199 fields", get(*most), Forwarded(fields=most))
    yield Case("200 fields", get(*most, b"Y: 1"), Refused((431,)))
    yield Case("5,000 fields", get(*(b"%d:" % number for number in range(5000))), Refused((431,)))
    yield Case("300 times the same field", get(*([b"X-A: 1"] * 300)), Refused((431,)))


def field_of_this_hop() -> Iterator[Case]:
    """Fields that end here, whether Connection names them or not.

    Source: RFC 9110 section 7.6.1, 10.1.4, 11.7
    """
    for name, line in named([
        b"TE: trailers", b"TE: chunked", b"te: gzip", b"Trailer: X-Sum", b"Trailer: Content-Length",
        b"Keep-Alive: timeout=5",
        b"Proxy-Connection: keep-alive", b"Proxy-Authorization: Basic eA==", b"Proxy-Authenticate: Basic",
        b"Upgrade: h2c",
    ]):  # fmt: skip
        yield Case(name, get(line, b"X-A: 1"), Forwarded(fields=(b"X-A: 1",)))


def field_named_by_connection() -> Iterator[Case]:
    """Connection may take away what the caller said, never what the gateway needs or says itself.

    Source: RFC 9110 section 7.6.1
    """
    yield Case("X-A", get(b"Connection: X-A", b"X-A: 1", b"X-B: 2"), Forwarded(fields=(b"X-B: 2",)))
    yield Case("x-a after its line", get(b"X-A: 1", b"X-B: 2", b"Connection: x-a"), Forwarded(fields=(b"X-B: 2",)))
    for name, value in named(
        [b"X-A, X-B", b"X-A,X-B", b",, X-A ,\tX-B ,", b"keep-alive, X-A, X-B", b"Keep-Alive,x-b,x-a"]
    ):
        yield Case(name, get(b"Connection: " + value, b"X-A: 1", b"X-B: 2", b"X-C: 3"), Forwarded(fields=(b"X-C: 3",)))
    two = (b"Connection: X-A", b"Connection: X-B")
    yield Case("in two lines", get(*two, b"X-A: 1", b"X-B: 2"), Forwarded())
    raw = get(b"Connection: close, X-A", b"X-A: 1")
    yield Case("close too", raw, Forwarded(is_last=True))
    for option in (b"close", b"Close", b"CLOSE", b"keep-alive, close", b"close, keep-alive"):
        yield Case(option.decode(), get(b"Connection: " + option), Forwarded(is_last=True))
    for name in (b"Content-Length", b"content-length, Transfer-Encoding"):
        raw = post(b"Connection: " + name, b"Content-Length: 5", body=b"hello")
        yield Case(f"the length: {name.decode()}", raw, Forwarded(method=b"POST", length=5, content=b"hello"))
    raw = post(b"Connection: Content-Length", b"Content-Length: 0")
    yield Case("a length of 0", raw, Forwarded(method=b"POST", length=0))
    raw = post(b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n")
    yield Case("the coding", raw, Forwarded(method=b"POST", length=-1, content=b"hello"))
    for name in (b"Host", b"X-Forwarded-For", b"X-Forwarded-Host, Forwarded", b"Via", b"X-Request-Id", b"traceparent"):
        yield Case(f"what the gateway needs: {name.decode()}", get(b"Connection: " + name), Forwarded())
    for name in (b"X-API-Key", b"x-api-key, Host"):
        yield Case(f"the key: {name.decode()}", get(b"Connection: " + name), Denied((401,)))
    raw = get(b"Connection: Authorization", b"Authorization: Basic eA==")
    yield Case("credentials for the service", raw, Forwarded())
    raw = post(b"Connection: Content-Length", b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")
    yield Case("length beside coding, one of them named", raw, Refused())


def field_only_the_gateway_says() -> Iterator[Case]:
    """What a caller may not tell a service about itself or its request, in every spelling.

    Source: RFC 7239 section 8.1, RFC 9440 section 2.4; CVE-2016-5385 (Proxy)
    """
    for name in (
        b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"X-Forwarded-Prefix", b"Forwarded",
        b"X-Real-IP",
        b"X-Client-IP", b"True-Client-IP", b"CF-Connecting-IP", b"X-User-Id", b"X-Consumer-Id", b"X-Authenticated-User",
        b"Client-Cert", b"X-SSL-Client-Verify", b"X-Original-URL", b"X-Rewrite-URL", b"X-HTTP-Method-Override",
        b"Proxy",
        b"Remote-User", b"X-Apim-Application", b"X-Credential-Id", b"X-Tenant-Id", b"X-Original-Host",
    ):  # fmt: skip
        for spelled in dict.fromkeys(
            (name, name.lower(), name.upper(), name.replace(b"-", b"_"), name.replace(b"-", b"_", 1))
        ):
            yield Case(spelled.decode(), get(spelled + b": 1", b"X-A: 1"), Forwarded(fields=(b"X-A: 1",)))


def underscore_for_dash() -> Iterator[Case]:
    """Names with underscores, which CGI-like services read as those with dashes: not forwarded, and not obeyed.

    Source: RFC 3875 section 4.1.18; CVE-2026-3902
    """
    for line in (
        b"Content_Length: 5", b"content_length: 5", b"Transfer_Encoding: chunked", b"TRANSFER_ENCODING: chunked",
        b"X_API_Key: x",
        b"X-API_Key: x", b"x_forwarded_for: 1.2.3.4", b"X_User_Id: 1", b"Proxy_Authorization: x", b"Keep_Alive: 5",
        b"X_Request_Id: 1",
    ):  # fmt: skip
        yield Case(line.decode(), get(line, b"X-A: 1"), Forwarded(fields=(b"X-A: 1",)))
    raw = post(b"Content-Length: 5", b"Content_Length: 6", body=b"hello")
    yield Case("two lengths, one in disguise", raw, Forwarded(method=b"POST", length=5, content=b"hello"))
    raw = get(base=(_KEY.replace(b"-", b"_"), HOST))
    yield Case("the key in disguise only", raw, Denied((401,)))


def doubled_field() -> Iterator[Case]:
    """Two of what there may be one of, where the gateway decides by it.

    Source: RFC 9110 section 5.3, 7.2, 11.6.2
    """
    for name in (b"X-API-Key", b"x-api-key", b"X-API-KEY"):
        for value in (KEY.encode(), b"other", b"apim_live_" + b"z" * 38):
            yield Case(f"{name.decode()} and {value[-3:].decode()}", get(name + b": " + value), Refused())
    for values in (
        (b"Basic eA==", b"Basic eA=="),
        (b"Bearer a", b"Basic eA=="),
        (b"Bearer " + KEY.encode(), b"Basic eA=="),
    ):
        raw = get(*(b"Authorization: " + value for value in values))
        yield Case(f"Authorization {values[0][:12].decode()} and {values[1].decode()}", raw, Refused())
    trace = b"traceparent: 00-%s-%s-01" % (b"a" * 32, b"b" * 16)
    yield Case("traceparent: none is believed", get(trace, trace), Forwarded())
    yield Case("Expect", get(b"Expect: 100-continue", b"Expect: other"), Refused((417,)))
