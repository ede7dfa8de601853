"""Rules about Content-Length and Transfer-Encoding."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tests.wire.corpus.case import Case, Forwarded, Refused, get, named, post

HELLO = b"5\r\nhello\r\n0\r\n\r\n"
_POSTED = {"method": b"POST", "content": b"hello"}


def length_beside_coding() -> Iterator[Case]:
    """Content-Length and Transfer-Encoding in one message: each reader would pick another end.

    Source: RFC 9112 section 6.1, 6.3 (request smuggling CL.TE and TE.CL)
    """
    lengths = (b"Content-Length: 0", b"Content-Length: 5", b"content-length: 15", b"Content-Length: 1000")
    codings = (b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"Transfer-Encoding:\tChunked ")
    for length, coding in product(lengths, codings):
        for lines in ((length, coding), (coding, length)):
            yield Case(" then ".join(repr(line)[2:-1] for line in lines), post(*lines, body=HELLO), Refused())
    for coding in (b"gzip", b"identity", b"xchunked", b"gzip, chunked"):
        raw = post(b"Content-Length: 5", b"Transfer-Encoding: " + coding, body=b"hello")
        yield Case(f"length beside {coding.decode()}", raw, Refused((400, 501)))
    yield Case(
        "length apart from coding", post(b"Content-Length: 5", b"X: y", b"Transfer-Encoding: chunked"), Refused()
    )


def several_lengths() -> Iterator[Case]:
    """More than one length, be they equal.

    Source: RFC 9112 section 6.3, RFC 9110 section 8.6
    """
    for values in (
        (b"5", b"5"),
        (b"5", b"6"),
        (b"0", b"5"),
        (b"5", b"0"),
        (b"05", b"5"),
        (b"5", b"5", b"5"),
        (b"5", b""),
    ):
        for name in (b"Content-Length", b"content-length", b"CONTENT-LENGTH"):
            lines = [b"Content-Length: " + values[0], *(name + b": " + value for value in values[1:])]
            yield Case(f"{name.decode()} {b' and '.join(values).decode()}", post(*lines, body=b"hello"), Refused())
    for name, value in named([b"5, 5", b"5,5", b"5, 6", b",5", b"5,", b"5 ,5", b"0,5", b"5;5"]):
        yield Case(f"list {name}", post(b"Content-Length: " + value, body=b"hello"), Refused())


def malformed_length() -> Iterator[Case]:
    """A length that is not digits alone.

    Source: RFC 9110 section 8.6 (1*DIGIT)
    """
    for name, value in named([
        b"", b"+5", b"-5", b"-0", b"--5", b"0x5", b"0X5", b"5h", b"0b101", b"0o5", b"5.0", b"5e0", b"5 5", b"5\t5",
        b"five", b"5_0", b"1'000", b"\x0b5", b"5\x0b", b"\x0c5", b"5\x0c", b"\x005", b"5\x00", b"5\x7f", b'"5"', b"'5'",
        b"5;", b"5#", b"$5", b"5\xa0", b"\xd9\xa5", b"\xef\xbc\x95", b"\xb9", b"NaN", b"inf", b"a", b"(5)", b"5 (c)",
        b"%35",
    ]):  # fmt: skip
        yield Case(name, post(b"Content-Length: " + value, body=b"hello"), Refused())


def huge_length() -> Iterator[Case]:
    """A length that some reader's integer cannot hold, or that no policy allows.

    Source: RFC 9110 section 8.6 (anticipate large numerals), RFC 9110 section 15.5.14
    """
    for value in (10**18, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 5, 2**128 + 5):
        yield Case(str(value), post(b"Content-Length: %d" % value, body=b"hello"), Refused())
    yield Case("400 digits", post(b"Content-Length: " + b"9" * 400, body=b"hello"), Refused())
    yield Case("19 digits, nearly all zero", post(b"Content-Length: " + b"5".zfill(19), body=b"hello"), Refused())
    for value in (2**20 + 1, 2**31, 2**32 + 5, 10**18 - 1):
        yield Case(f"{value}, over the limit", post(b"Content-Length: %d" % value, body=b"hello"), Refused((413,)))


def length_read_alike() -> Iterator[Case]:
    """A length that every reader reads alike; it is written anew.

    Source: RFC 9110 section 8.6, RFC 9112 section 5.1
    """
    for name, value in named([b"5", b"05", b"5".zfill(18), b"  5", b"5\t ", b"\t5"]):
        raw = post(b"Content-Length:" + value, body=b"hello")
        yield Case(name, raw, Forwarded(length=5, **_POSTED))
    yield Case("zero", post(b"Content-Length: 0"), Forwarded(method=b"POST", length=0))
    yield Case("none", post(), Forwarded(method=b"POST"))
    yield Case("GET with a body", get(b"Content-Length: 5") + b"hello", Forwarded(length=5, content=b"hello"))
    yield Case(
        "HTTP/1.0",
        post(b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0"),
        Forwarded(length=5, is_last=True, **_POSTED),
    )
    body = b"GET /bank/v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    yield Case(
        "a request as body",
        post(b"Content-Length: %d" % len(body), body=body),
        Forwarded(method=b"POST", length=len(body), content=body),
    )


def unknown_coding() -> Iterator[Case]:
    """Anything but one `chunked`: codings that are not undone here, spellings that some reader takes for it.

    Source: RFC 9112 section 6.1, 7 (501 for what is not understood)
    """
    for name, value in named([
        b"gzip", b"deflate", b"compress", b"x-gzip", b"br", b"identity", b"trailers", b"none",
        b"gzip, chunked", b"gzip,chunked", b"chunked, gzip", b"chunked,gzip", b"identity, chunked",
        b"chunked, identity",
        b"chunked, chunked", b"chunked,chunked", b"chunked chunked", b"chunked\tchunked",
        b"xchunked", b"chunkedx", b"chunk", b"chunke", b"x-chunked", b"chunked1", b"c hunked", b"chunke d",
        b'"chunked"', b"'chunked'", b"`chunked`", b"(chunked)", b"<chunked>", b"chunked (c)",
        b"chunked;", b"chunked;q=1", b"chunked ; a=b", b";chunked", b"=chunked", b"chunked=1", b"chunked:",
        b"", b",", b",chunked", b"chunked,", b", chunked", b"chunked ,", b":chunked", b": chunked",
        b"\xa0chunked", b"chunked\xa0", b"\xefchunked", b"\xc3\xa7hunked", b"c%68unked", b"chunked%00", b"\\chunked",
        b"chun\xc2\xadked", b"Kchunked", b"chun\xe2\x84\xaaed", b"gzip;q=0, chunked",
    ]):  # fmt: skip
        yield Case(name, post(b"Transfer-Encoding: " + value, body=HELLO), Refused((501,)))
    for name, value in named([
        b"\x0bchunked", b"chunked\x0b", b"\x0cchunked", b"chunked\x0c", b"\x00chunked", b"chunked\x00", b"\x1fchunked",
        b"\x7fchunked", b"chunked\x08", b"\rchunked", b"chunked\r", b"\nchunked", b"chun\x00ked", b"\x1bchunked",
    ]):  # fmt: skip
        yield Case(name, post(b"Transfer-Encoding: " + value, body=HELLO), Refused())


def several_codings() -> Iterator[Case]:
    """Several Transfer-Encoding lines: readers join them, take the first, or take the last.

    Source: RFC 9112 section 6.1
    """
    for values in (
        (b"chunked", b"chunked"), (b"chunked", b"identity"), (b"identity", b"chunked"), (b"gzip", b"chunked"),
        (b"chunked", b"gzip"), (b"chunked", b""), (b"", b"chunked"), (b"chunked", b"cow"), (b"cow", b"chunked"),
    ):  # fmt: skip
        for name in (b"Transfer-Encoding", b"transfer-encoding"):
            raw = post(b"Transfer-Encoding: " + values[0], name + b": " + values[1], body=HELLO)
            yield Case(f"{values[0].decode()} and {name.decode()}: {values[1].decode()}", raw, Refused((400, 501)))


def coding_name_in_disguise() -> Iterator[Case]:
    """Names that another reader takes for Transfer-Encoding or Content-Length.

    Source: RFC 9112 section 5.1 (no whitespace before the colon), RFC 9110 section 5.1 (token)
    """
    for name in (b"Transfer-Encoding", b"Content-Length"):
        value = b"chunked" if name.startswith(b"T") else b"5"
        for put in (
            name + b" ", name + b"\t", name + b"\x0b", name + b"\x00", name + b"\xa0", b" " + name, b"\t" + name,
            b"\x00" + name, b"\x0b" + name, b"\xef\xbb\xbf" + name, name.replace(b"-", b" "), name.replace(b"-",
            b"\xad"),
            b'"' + name + b'"', name + b"\r", name.replace(b"-", b"\xe2\x80\x90"), name + b":\x00", b"(" + name + b")",
        ):  # fmt: skip
            raw = post(b"X: y", put + b": " + value, body=HELLO)
            yield Case(repr(put)[2:-1], raw, Refused())
        for put in (name + b";", name + b"=" + value, name + b"," + value, name):
            yield Case(f"no colon: {put.decode()}", post(put, body=HELLO), Refused())
    for put in (b"XTransfer-Encoding", b"Transfer-Encoding1", b"X-Content-Length", b"Transfer-Encodin"):
        line = put + b": 5"
        yield Case(f"another name: {put.decode()}", get(line), Forwarded(fields=(line,)))


def coding_read_alike() -> Iterator[Case]:
    """One `chunked`, in any case and with whitespace around it; it is written anew.

    Source: RFC 9112 section 6.1, 7
    """
    for name, value in named(
        [b" chunked", b"chunked", b" Chunked", b" CHUNKED", b"\tchunked", b" chunked \t", b" cHuNkEd"]
    ):
        yield Case(name, post(b"Transfer-Encoding:" + value, body=HELLO), Forwarded(length=-1, **_POSTED))
    raw = get(b"Transfer-Encoding: chunked") + HELLO
    yield Case("GET with chunks", raw, Forwarded(length=-1, content=b"hello"))
    yield Case(
        "no content", post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), Forwarded(method=b"POST", length=-1)
    )


def coding_in_an_old_version() -> Iterator[Case]:
    """Transfer-Encoding in HTTP/1.0, which knows none: the sender's own proxy may have read on to the end.

    Source: RFC 9112 section 6.1
    """
    for value in (b"chunked", b"Chunked", b"identity", b"gzip, chunked"):
        raw = post(b"Transfer-Encoding: " + value, body=HELLO, version=b"HTTP/1.0")
        yield Case(value.decode(), raw, Refused((400, 501)))
        raw = post(b"Connection: keep-alive", b"Transfer-Encoding: " + value, body=HELLO, version=b"HTTP/1.0")
        yield Case(f"{value.decode()}, kept alive", raw, Refused((400, 501)))
