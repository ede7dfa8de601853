"""Rules about an upstream's answers: what is malformed there is 502, or cut off where its head has been sent on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.wire.corpus.case import CONTROLS, named, shown

OK_LINES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Invalid:
    """The client gets 502; the upstream's connection is closed."""

    code: str = "upstream-invalid"


@dataclass(frozen=True, slots=True)
class Truncated:
    """The client gets the head and never the end of the body; the upstream's connection is closed."""

    status: int = 200


@dataclass(frozen=True, slots=True)
class Delivered:
    """The client gets the answer whole; is_reused says whether the upstream's connection serves the next request."""

    status: int = 200
    content: bytes = b"ok"
    is_reused: bool = True


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """Bytes as an upstream sends them. Shapes: later ones come apart; is_closing says that it closes after them."""

    name: str
    first: bytes
    expected: Invalid | Truncated | Delivered
    later: bytes = b""
    is_closing: bool = False
    method: bytes = b"GET"


AnswerRule = Callable[[], Iterator[AnswerCase]]


def answer(*lines: bytes, body: bytes = b"ok", start: bytes = b"HTTP/1.1 200 OK") -> bytes:
    """An answer of these lines."""
    return b"\r\n".join((start, *lines, b"", b"")) + body


def malformed_status_line() -> Iterator[AnswerCase]:
    """A status line of another protocol, version or shape.

    Source: RFC 9112 section 4, RFC 9110 section 15 (100 to 599)
    """
    for name, line in named([
        b"", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1 2", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK", b"HTTP/1.1  200 OK",
        b"HTTP/1.1 200OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1 200\tOK",
        b"HTTP/2 200", b"HTTP/2.0 200 OK", b"HTTP/1.2 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.10 200 OK",
        b"http/1.1 200 OK", b"HTTPS/1.1 200 OK", b"ICY 200 OK", b"200 OK",
        b" HTTP/1.1 200 OK", b"HTTP/1.1 000 Zero", b"HTTP/1.1 099 Low", b"HTTP/1.1 600 High", b"HTTP/1.1 666 High",
        b"HTTP/1.1 999 High", b"HTTP/1.1 -20 OK", b"HTTP/1.1 2e2 OK",
        b"HTTP/1.1 0x1 OK", b"HTTP/1.1 20\xb9 OK", b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\x0bK",
        b"HTTP/1.1 200 OK\r", b"HTTP/1.1 200 O\rK", b"HTTP/1.1 200 OK\x7f",
        b"HTTP/1.1 200 OK\nX-A: b", b"\nHTTP/1.1 200 OK", b"\r\nHTTP/1.1 200 OK", b"\x00HTTP/1.1 200 OK", b"<html>",
        b"GET / HTTP/1.1", b"SSH-2.0-x", b"+OK ready",
    ]):  # fmt: skip
        yield AnswerCase(name, answer(b"Content-Length: 2", start=line), Invalid())


def status_line_read_alike() -> Iterator[AnswerCase]:
    """Status lines that every reader reads alike; a missing reason is nobody's ambiguity.

    Source: RFC 9112 section 4
    """
    for name, line in named(
        [b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.1 200 Fine \xe9\tand dandy"]
    ):
        yield AnswerCase(name, answer(b"Content-Length: 2", start=line), Delivered())
    for status in (201, 299, 400, 404, 418, 500, 599):
        yield AnswerCase(str(status), answer(b"Content-Length: 2", start=b"HTTP/1.1 %d X" % status), Delivered(status))
    old = b"HTTP/1.0 200 OK"
    yield AnswerCase("HTTP/1.0", answer(b"Content-Length: 2", start=old), Delivered(is_reused=False))
    kept = answer(b"Content-Length: 2", b"Connection: keep-alive", start=old)
    yield AnswerCase("HTTP/1.0 kept alive", kept, Delivered())


def length_of_an_answer() -> Iterator[AnswerCase]:
    """Lengths that are doubled, malformed or too large.

    Source: RFC 9112 section 6.3, RFC 9110 section 8.6
    """
    for first, second in ((b"2", b"2"), (b"2", b"3"), (b"0", b"2"), (b"2", b"0")):
        for name in (b"Content-Length: ", b"content-length: "):
            raw = answer(b"Content-Length: " + first, name + second)
            yield AnswerCase(f"{first.decode()} and {(name + second).decode()}", raw, Invalid())
    for name, value in named([
        b"", b"+2", b"-2", b"-0", b"0x2", b"2.0", b"2e0", b"2 2", b"2, 2", b"2,2", b"2,3", b",2", b"2,", b"two",
        b"2_0", b"2;", b'"2"', b"2\x0b", b"\x0c2", b"2\x00", b"\xb2",
        b"2\xa0", b"\xd9\xa2", b"1" + b"0" * 18, b"18446744073709551618", b"9" * 400,
    ]):  # fmt: skip
        yield AnswerCase(name, answer(b"Content-Length: " + value), Invalid())
    for value in (b"2", b"02", b"\t2 ", b"2".zfill(18)):
        yield AnswerCase(f"read alike {shown(value)}", answer(b"Content-Length:" + value), Delivered())


def coding_of_an_answer() -> Iterator[AnswerCase]:
    """Anything but one chunked; a length beside it; a coding in HTTP/1.0.

    Source: RFC 9112 section 6.1, 6.3
    """
    chunks = b"2\r\nok\r\n0\r\n\r\n"
    for name, value in named([
        b"gzip", b"identity", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked,", b",chunked", b"",
        b"xchunked", b"chunkedx", b'"chunked"', b"chunked;q=1",
        b"\x0bchunked", b"chunked\x00", b"chunked\xa0", b"c hunked",
    ]):  # fmt: skip
        yield AnswerCase(name, answer(b"Transfer-Encoding: " + value, body=chunks), Invalid())
    coding, length = b"Transfer-Encoding: chunked", b"Content-Length: 2"
    for lines in (
        (coding, length),
        (length, coding),
        (coding, coding),
        (coding, b"transfer-encoding: identity"),
        (coding, b"Content-Length: 0"),
    ):
        yield AnswerCase(b" and ".join(lines).decode(), answer(*lines, body=chunks), Invalid())
        yield AnswerCase(f"HEAD {b' and '.join(lines).decode()}", answer(*lines, body=b""), Invalid(), method=b"HEAD")
    yield AnswerCase("in HTTP/1.0", answer(coding, body=chunks, start=b"HTTP/1.0 200 OK"), Invalid())
    for value in (b"chunked", b"Chunked", b"\tCHUNKED "):
        yield AnswerCase(f"read alike {shown(value)}", answer(b"Transfer-Encoding:" + value, body=chunks), Delivered())


def chunk_of_an_answer() -> Iterator[AnswerCase]:
    """Malformed chunks: 502 when they come with the head, an answer cut off when they come later.

    Source: RFC 9112 section 7.1
    """
    for name, body in named([
        b"\r\nok\r\n0\r\n\r\n", b"0x2\r\nok\r\n0\r\n\r\n", b"+2\r\nok\r\n0\r\n\r\n", b"-2\r\nok\r\n0\r\n\r\n",
        b" 2\r\nok\r\n0\r\n\r\n", b"2 \r\nok\r\n0\r\n\r\n", b"g\r\nok\r\n0\r\n\r\n",
        b"2\nok\n0\n\n", b"2\nok\r\n0\r\n\r\n", b"2\r\nok0\r\n\r\n", b"2\r\nokX\r\n0\r\n\r\n",
        b"3\r\nok\r\n0\r\n\r\n", b"2\r\nok\n0\r\n\r\n", b"1" + b"0" * 15 + b"2\r\nok\r\n0\r\n\r\n",
        b"2;a=\x00\r\nok\r\n0\r\n\r\n", b"2;a\nb\r\nok\r\n0\r\n\r\n", b"2;" + b"x" * 300 + b"\r\nok\r\n0\r\n\r\n",
        b"2\r\nok\r\n0\r\nnonsense\r\n\r\n",
        b"2\r\nok\r\n0\r\nX: \x00\r\n\r\n", b"2\r\nok\r\n0\r\n X: folded\r\n\r\n", b"2\r\nok\r\n0\r\nX : y\r\n\r\n",
        b"2\r\nok\r\n0\r\nX: " + b"y" * 9000 + b"\r\n\r\n", b"ok", b"<html>\r\n",
    ]):  # fmt: skip
        is_ended = body == b"ok"  # could still become a size; only its end says that it does not
        yield AnswerCase(
            f"with the head {name}", _CHUNKED + body, Truncated() if is_ended else Invalid(), is_closing=is_ended
        )
        yield AnswerCase(f"later {name}", _CHUNKED + b"1\r\na\r\n", Truncated(), later=body, is_closing=is_ended)
    for name, body in named(
        [
            b"2\r\nok\r\n0\r\n\r\n",
            b"1;a=b\r\no\r\n1\r\nk\r\n00\r\n\r\n",
            b"2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n",
        ]
    ):
        yield AnswerCase(f"read alike {name}", _CHUNKED + body, Delivered())
        yield AnswerCase(f"read alike, later {name}", _CHUNKED, Delivered(), later=body)


def field_of_an_answer() -> Iterator[AnswerCase]:
    """Lines that are no field lines, control bytes, folded lines.

    Source: RFC 9112 section 5, 5.2; RFC 9110 section 5.5
    """
    for name, line in named([
        b"nonsense", b": x", b"X-A : b", b"X-A\t: b", b" X-A: b", b"X A: b", b"X-A: a\r\n b", b"X-A: a\r\n\tb",
        b"X-A: a\nX-B: b", b"X-A: a\rX-B: b", b"X\x00A: b", b"X\xffA: b",
        b"X(A): b", b"Content-Length : 2", b"Transfer-Encoding : chunked", b"Transfer-Encoding\x0b: chunked",
        b"X-A: b\r", b"X-A: b\n", b"HTTP/1.1 200 OK", b"X-A",
    ]):  # fmt: skip
        yield AnswerCase(name, answer(b"Content-Length: 2", line), Invalid())
        yield AnswerCase(f"first {name}", answer(line, b"Content-Length: 2"), Invalid())
    for control in CONTROLS:
        yield AnswerCase(
            f"value with {shown(control)}", answer(b"Content-Length: 2", b"X-A: a" + control + b"b"), Invalid()
        )


def oversized_answer_head() -> Iterator[AnswerCase]:
    """Heads beyond the bounds, whether they end or not.

    Source: RFC 9110 section 5.4, 15.6.3
    """
    yield AnswerCase("endless line", OK_LINES + b"X-A: " + b"x" * 100_000, Invalid())
    yield AnswerCase("line of 70,000 bytes", answer(b"Content-Length: 2", b"X-A: " + b"x" * 70_000), Invalid())
    yield AnswerCase("line of 200,000 bytes", answer(b"Content-Length: 2", b"X-A: " + b"x" * 200_000), Invalid())
    lines = [b"X-%d: 1" % number for number in range(300)]
    yield AnswerCase("300 fields", answer(b"Content-Length: 2", *lines), Invalid())
    yield AnswerCase("150 fields", answer(b"Content-Length: 2", *lines[:150]), Delivered())
    yield AnswerCase("line of 60,000 bytes", answer(b"Content-Length: 2", b"X-A: " + b"x" * 60_000), Delivered())


def interim_answer() -> Iterator[AnswerCase]:
    """Informational answers: a few are dropped; floods, switched protocols and ones with a body are refused.

    Source: RFC 9110 section 15.2, 15.2.2; RFC 9112 section 6.1, 6.3
    """
    final = answer(b"Content-Length: 2")
    for start in (b"HTTP/1.1 100 Continue", b"HTTP/1.1 102 Processing", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 199 X"):
        hint = answer(b"Link: </a>", start=start, body=b"")
        yield AnswerCase(start.decode(), hint + final, Delivered())
        yield AnswerCase(f"{start.decode()} apart", hint, Delivered(), later=final)
        yield AnswerCase(f"17 times {start.decode()}", hint * 17 + final, Invalid())
        yield AnswerCase(f"{start.decode()} and nothing more", hint, Invalid("upstream-"), is_closing=True)
        chunked = answer(b"Transfer-Encoding: chunked", start=start, body=b"0\r\n\r\n")
        yield AnswerCase(f"{start.decode()} with chunks", chunked + final, Invalid())
        sized = answer(b"Content-Length: 2", start=start)
        yield AnswerCase(f"{start.decode()} with a body", sized + final, Invalid())
    yield AnswerCase("16 of them", answer(start=b"HTTP/1.1 103 Early Hints", body=b"") * 16 + final, Delivered())
    flood = answer(start=b"HTTP/1.1 102 Processing", body=b"") * 1000
    yield AnswerCase("1,000 of them", flood, Invalid())
    for lines in ((), (b"Upgrade: websocket", b"Connection: Upgrade"), (b"Upgrade: h2c", b"Connection: Upgrade")):
        raw = answer(*lines, start=b"HTTP/1.1 101 Switching Protocols", body=b"")
        yield AnswerCase(f"101 {b' '.join(lines).decode()}", raw, Invalid())
        yield AnswerCase(f"101 {b' '.join(lines).decode()}, then an answer", raw + final, Invalid())
    yield AnswerCase("malformed", answer(b"X : y", start=b"HTTP/1.1 103 X", body=b"") + final, Invalid())


def body_where_none_may_be() -> Iterator[AnswerCase]:
    """A body after 204, 304 or an answer to HEAD: never given to anyone, the connection serves nobody else.

    Source: RFC 9112 section 6.1, 6.3; RFC 9110 section 8.6, 9.3.2, 15.3.5, 15.4.5
    """
    for start, status in ((b"HTTP/1.1 204 No Content", 204), (b"HTTP/1.1 304 Not Modified", 304)):
        clean, dirty = Delivered(status, b""), Delivered(status, b"", is_reused=False)
        yield AnswerCase(f"{status} without", answer(start=start, body=b""), clean)
        yield AnswerCase(f"{status} with one", answer(start=start, body=b"hello"), dirty)
        yield AnswerCase(f"{status} with one later", answer(start=start, body=b""), dirty, later=b"hello")
        yield AnswerCase(f"{status} with an answer", answer(start=start, body=answer(b"Content-Length: 2")), dirty)
        yield AnswerCase(f"{status} with a length of 0", answer(b"Content-Length: 0", start=start, body=b""), clean)
    no_content, unmodified = b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"
    for body in (b"", b"hello"):
        raw = answer(b"Content-Length: 5", start=no_content, body=body)
        yield AnswerCase(f"204 with a length {body.decode()}", raw, Invalid())
    for body in (b"", b"0\r\n\r\n"):
        raw = answer(b"Transfer-Encoding: chunked", start=no_content, body=body)
        yield AnswerCase(f"204 with a coding {shown(body)}", raw, Invalid())
    raw = answer(b"Content-Length: 5", start=unmodified, body=b"")
    yield AnswerCase("304 with the length of another", raw, Delivered(304, b""))
    raw = answer(b"Content-Length: 5", start=unmodified, body=b"hello")
    yield AnswerCase("304 with a length and a body", raw, Delivered(304, b"", is_reused=False))
    for lines in ((b"Content-Length: 5",), (b"Transfer-Encoding: chunked",), (b"Content-Length: 0",)):
        raw = answer(*lines, body=b"")
        yield AnswerCase(f"HEAD {lines[0].decode()}", raw, Delivered(200, b""), method=b"HEAD")
        dirty = Delivered(200, b"", is_reused=False)
        yield AnswerCase(f"HEAD {lines[0].decode()} and a body", raw + b"hello", dirty, method=b"HEAD")
        yield AnswerCase(f"HEAD {lines[0].decode()} and a body later", raw, dirty, later=b"hello", method=b"HEAD")


def bytes_after_an_answer() -> Iterator[AnswerCase]:
    """Bytes beyond the end of an answer: the next request would get them as its own.

    Source: RFC 9112 section 9.2, 11.1 (response splitting)
    """
    poison = answer(b"Content-Length: 6", body=b"poison")
    for name, more in named([b"x", b"\r\n", b"\n", b"\x00", b"HTTP/1.1 200 OK\r\n", poison]):
        yield AnswerCase(f"sized {name}", answer(b"Content-Length: 2") + more, Delivered(is_reused=False))
        yield AnswerCase(f"chunked {name}", _CHUNKED + b"2\r\nok\r\n0\r\n\r\n" + more, Delivered(is_reused=False))
        empty = Delivered(200, b"", is_reused=False)
        yield AnswerCase(f"empty {name}", answer(b"Content-Length: 0", body=more), empty)
        yield AnswerCase(f"later {name}", answer(b"Content-Length: 2"), Delivered(is_reused=False), later=more)
    closing = answer(b"Content-Length: 2", b"Connection: close")
    yield AnswerCase("close is said", closing, Delivered(is_reused=False))
    yield AnswerCase("close is said and more", closing + poison, Delivered(is_reused=False))


def answer_that_stops() -> Iterator[AnswerCase]:
    """An upstream that closes too early: 502 before the head is whole, an answer cut off after it.

    Source: RFC 9112 section 8
    """
    whole = answer(b"Content-Length: 2", b"X-A: b", body=b"")
    yield AnswerCase("before the first byte", b"", Invalid("upstream-unreachable"), is_closing=True)
    for at in (1, 8, 9, 12, 15, 17, 20, len(whole) - 4, len(whole) - 3, len(whole) - 1):
        yield AnswerCase(f"head of {at} bytes", whole[:at], Invalid(), is_closing=True)
    yield AnswerCase("no body", whole, Truncated(), is_closing=True)
    yield AnswerCase("half a body", whole + b"o", Truncated(), is_closing=True)
    for name, body in named(
        [
            b"",
            b"2",
            b"2\r",
            b"2\r\n",
            b"2\r\no",
            b"2\r\nok",
            b"2\r\nok\r\n",
            b"2\r\nok\r\n0",
            b"2\r\nok\r\n0\r\n",
            b"2\r\nok\r\n0\r\n\r",
            b"2\r\nok\r\n0\r\nX: y\r\n",
        ]
    ):
        yield AnswerCase(f"chunks {name}", _CHUNKED + body, Truncated(), is_closing=True)
    until = answer(body=b"until the end")
    yield AnswerCase("as the end of a body", until, Delivered(200, b"until the end", is_reused=False), is_closing=True)
    yield AnswerCase("after the end", answer(b"Content-Length: 2"), Delivered(is_reused=False), is_closing=True)
