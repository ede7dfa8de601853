"""Rules about the chunked coding: sizes, extensions, data, trailers."""

from __future__ import annotations

from collections.abc import Iterator

from tests.wire.corpus.case import CONTROLS, Case, Cut, Forwarded, chunked, named, shown

_REST = b"\r\nhello\r\n0\r\n\r\n"
_TOKEN_BREAKERS = b'"(),/;<=>?@[\\]{} \t\x00\x7f\x80\xff'


def _hello(content: bytes = b"hello") -> Forwarded:
    return Forwarded(method=b"POST", length=-1, content=content)


def malformed_chunk_size() -> Iterator[Case]:
    """A size that is not hexadecimal digits alone, or more than 15 of them.

    Source: RFC 9112 section 7.1 (1*HEXDIG; recipients anticipate large numerals and prevent overflow)
    """
    for name, size in named([
        b"", b" ", b"0x5", b"0X5", b"x5", b"5h", b"+5", b"-5", b"-0", b"+0", b" 5", b"\t5", b"5 ", b"5\t", b"5  ",
        b"\x0b5",
        b"5\x0b", b"\x005", b"5\x00", b"5\x7f", b"g", b"5g", b"5.", b"5.0", b"5_0", b"0_5", b"5,", b"5 5", b"5,5",
        b'"5"',
        b"'5'", b"(5)", b"5#", b"5=", b"=5", b"\xb5", b"5\xa0", b"\xd9\xa5", b"\xef\xbc\x95", b"%35", b"five", b"\r5",
        b"5\r",
        b"\n5", b"NaN", b"h",
    ]):  # fmt: skip
        yield Case(name, chunked(size + _REST), Cut())
    for name, size in named([
        b"1" + b"0" * 15, b"f" * 16, b"1" + b"0" * 16, b"1" + b"0" * 15 + b"5", b"f" * 15 + b"b", b"8" + b"0" * 15,
        b"1" + b"0" * 31 + b"5", b"f" * 64, b"0" * 16, b"0" * 17 + b"5", b"5".zfill(16), b"0" * 255 + b"5",
        b"0" * 5000 + b"5",
    ]):  # fmt: skip
        yield Case(f"overflow {name}", chunked(size + _REST), Cut())


def chunk_size_read_alike() -> Iterator[Case]:
    """Sizes that every reader reads alike.

    Source: RFC 9112 section 7.1
    """
    for name, size in named([b"5", b"05", b"5".zfill(15)]):
        yield Case(name, chunked(size + _REST), _hello())
    for size in (b"a", b"A", b"0A", b"00a"):
        yield Case(size.decode(), chunked(size + b"\r\n0123456789\r\n0\r\n\r\n"), _hello(b"0123456789"))
    for last in (b"0", b"00", b"0" * 15):
        yield Case(f"last chunk {last.decode()}", chunked(b"5\r\nhello\r\n" + last + b"\r\n\r\n"), _hello())
    yield Case("several chunks", chunked(b"2\r\nhe\r\n1\r\nl\r\n2\r\nlo\r\n0\r\n\r\n"), _hello())
    yield Case("CR LF as data", chunked(b"4\r\n\r\n\r\n\r\n0\r\n\r\n"), _hello(b"\r\n\r\n"))
    raw = b"7\r\n0\r\n\r\nGE\r\n0\r\n\r\n"
    yield Case("an end as data", chunked(raw), _hello(b"0\r\n\r\nGE"))


def chunk_line_ends() -> Iterator[Case]:
    """LF or CR alone where a chunk's lines end.

    Source: RFC 9112 section 7.1, 2.2 (the leniency for a bare LF is for heads, and is not used here either)
    """
    for name, body in {
        "LF after the size": b"5\nhello\r\n0\r\n\r\n",
        "CR after the size": b"5\rhello\r\n0\r\n\r\n",
        "CR CR LF after the size": b"5\r\r\nhello\r\n0\r\n\r\n",
        "LF CR after the size": b"5\n\rhello\r\n0\r\n\r\n",
        "LF after the data": b"5\r\nhello\n0\r\n\r\n",
        "CR after the data": b"5\r\nhello\r0\r\n\r\n",
        "CR X after the data": b"5\r\nhello\rX0\r\n\r\n",
        "two bytes after the data": b"5\r\nhelloXX0\r\n\r\n",
        "LF after the last size": b"5\r\nhello\r\n0\n\r\n",
        "CR after the last size": b"5\r\nhello\r\n0\r\r\n\r\n",
        "LF at the end": b"5\r\nhello\r\n0\r\n\n",
        "CR at the end": b"5\r\nhello\r\n0\r\n\r\r\n",
        "LF everywhere": b"5\nhello\n0\n\n",
        "LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        "LF ends an extension": b"5;a=b\nhello\r\n0\r\n\r\n",
        "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    }.items():
        yield Case(name, chunked(body), Cut())
    # A quoted string cannot hold a line end: the line ends there, for every reader, and the rest is data.
    yield Case("CR LF within quotes", chunked(b'5;a="\r\nhello\r\n0\r\n\r\n'), _hello())


def chunk_data_of_another_length() -> Iterator[Case]:
    """Data shorter or longer than the size says, or no end at all.

    Source: RFC 9112 section 7.1
    """
    for name, body in {
        "one byte more": b"5\r\nhelloX\r\n0\r\n\r\n",
        "one byte less": b"5\r\nhell\r\n0\r\n\r\n",
        "none": b"5\r\n\r\n0\r\n\r\n",
        "no end of line": b"5\r\nhello0\r\n\r\n",
        "no last chunk": b"5\r\nhello\r\n",
        "size only": b"5\r\nhello\r\n5\r\n",
        "empty line between chunks": b"5\r\nhello\r\n\r\n0\r\n\r\n",
        "empty line before the first": b"\r\n5\r\nhello\r\n0\r\n\r\n",
        "size of 15 digits": b"fffffffffffffff\r\nhello",
    }.items():
        is_waiting = name in {"size only", "size of 15 digits"}
        yield Case(name, chunked(body), Cut(), is_half_closed=is_waiting)


def chunk_extension_with_a_control() -> Iterator[Case]:
    """Control bytes in an extension: one reader's end of line.

    Source: RFC 9112 section 7.1.1
    """
    for control in CONTROLS:
        yield Case(f"name {shown(control)}", chunked(b"5;a" + control + b"b\r\nhello\r\n0\r\n\r\n"), Cut())
        yield Case(f"last {shown(control)}", chunked(b"5\r\nhello\r\n0;a" + control + b"b\r\n\r\n"), Cut())
    yield Case("longer than 256 bytes", chunked(b"5;" + b"x" * 256 + _REST), Cut())
    yield Case("endless", chunked(b"5;" + b"x" * 20_000), Cut())


def chunk_extension_read_alike() -> Iterator[Case]:
    """Extensions are read and left out of what is forwarded.

    Source: RFC 9112 section 7.1.1
    """
    for name, extension in named([
        b";a", b";a=b", b';a="b c"', b" ;a", b"\t; a=b", b";a;b;c", b";", b';a=";"', b";a=\xe9", b";a=\t",
        b"; " + b"x" * 250, b";5", b";a=b ",
    ]):  # fmt: skip
        yield Case(name, chunked(b"5" + extension + _REST), _hello())


def malformed_trailer() -> Iterator[Case]:
    """Trailer lines that are no field lines.

    Source: RFC 9112 section 7.1.2, 5
    """
    for name, line in named([
        b"nonsense", b": x", b" X: folded", b"\tX: folded", b"X : y", b"X\t: y", b"X: a\nY: b", b"X: a\rY: b",
        b"X\nY: b",
        b"X: \x00", b"X\x00: y", b"GET / HTTP/1.1", b"X: y\r\n folded", b"X: y\r\nnonsense", b"X: " + b"x" * 8190,
        b"\r\n".join([b"X: " + b"x" * 1000] * 9),
    ]):  # fmt: skip
        yield Case(name, chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"), Cut())
    for control in CONTROLS:
        line = b"X: a" + control + b"b\r\n\r\n"
        yield Case(f"value with {shown(control)}", chunked(b"5\r\nhello\r\n0\r\n" + line), Cut())
    for byte in _TOKEN_BREAKERS:
        line = b"X" + bytes([byte]) + b"Y: b\r\n\r\n"
        yield Case(f"name with {shown(bytes([byte]))}", chunked(b"5\r\nhello\r\n0\r\n" + line), Cut())


def trailer_that_may_not_be_one() -> Iterator[Case]:
    """Fields in a trailer that would change framing, routing or identity are never merged, nor forwarded.

    Source: RFC 9110 section 6.5.1, RFC 9112 section 7.1.2
    """
    for name, line in named([
        b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: other", b"Authorization: Bearer x",
        b"X-API-Key: y",
        b"Content-Encoding: gzip", b"Content-Type: text/html", b"Trailer: X", b"Connection: close",
        b"X-Forwarded-For: 1.2.3.4",
        b"Set-Cookie: a=b", b"Expect: 100-continue", b"X-User-Id: 1", b"TE: trailers", b"Content_Length: 5",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    ]):  # fmt: skip
        yield Case(name, chunked(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n"), _hello())
