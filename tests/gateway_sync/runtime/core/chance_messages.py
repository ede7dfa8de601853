"""Messages by chance, for tests that compare readers: mostly well formed, with a few odd parts."""

from __future__ import annotations

from hypothesis import strategies as st

ORDINARY = (b"X-A", b"x-b", b"Accept", b"Cookie", b"!#$%&'*+.^`|~", b"Content-Type")  # names that are always forwarded

BYTE = st.integers(0, 255).map(lambda number: bytes([number]))
ODD = st.sampled_from(
    [
        b" ",
        b"\t",
        b"\x00",
        b"\r",
        b"\n",
        b"\x0b",
        b"\x7f",
        b"\xff",
        b",",
        b";",
        b":",
        b'"',
        b"%",
        b"/",
        b"#",
        b"?",
        b"@",
    ]
)
VALUE = st.one_of(
    st.sampled_from(
        [
            b"",
            b"5",
            b"0",
            b"05",
            b"5, 5",
            b"+5",
            b"chunked",
            b"Chunked",
            b"gzip, chunked",
            b"close",
            b"keep-alive",
            b"X-A, x-b",
            b"a",
            b"[::1]:80",
        ]
    ),
    st.lists(st.one_of(st.sampled_from([b"a", b"b", b"1"]), ODD, BYTE), max_size=6).map(b"".join),
)
NAME = st.one_of(
    st.sampled_from([
        *ORDINARY, b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"Connection",
        b"Expect", b"Upgrade", b"TE", b"X-API-Key", b"Content_Length", b"X-Forwarded-For",
    ]),
    st.lists(st.one_of(st.sampled_from([b"X", b"-", b"a"]), ODD), max_size=4).map(b"".join),
)  # fmt: skip
LINE = st.tuples(
    NAME, st.sampled_from([b": ", b":", b" :", b":\t", b""]), VALUE, st.sampled_from([b"", b"", b" ", b"\t"])
).map(b"".join)
METHOD = st.one_of(
    st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"M-SEARCH", b"get", b"TRACE", b"CONNECT", b""]), ODD
)
TARGET = st.one_of(
    st.sampled_from(
        [
            b"/",
            b"/a",
            b"/a?b=c",
            b"*",
            b"http://a/b",
            b"http://a",
            b"HTTPS://[::1]/x?y",
            b"a:80",
            b"",
            b"//a/b",
            b"/%41",
            b"http://u@a/",
        ]
    ),
    st.lists(st.one_of(st.sampled_from([b"/", b"a", b".", b"..", b"%2e", b"?"]), ODD, BYTE), max_size=6).map(
        lambda parts: b"/" + b"".join(parts)
    ),
)
VERSION = st.sampled_from([b"HTTP/1.1"] * 5 + [b"HTTP/1.0", b"HTTP/1.2", b"http/1.1", b"HTTP/2.0", b""])


GOOD_LINE = st.sampled_from([
    b"X-A: 1", b"x-b:2", b"Accept: */*", b"Cookie: a=b", b"Cookie:", b"Content-Length: 5", b"content-length: 05",
    b"Content-Length: 0", b"Content-Type: a/b; c=d",
    b"Transfer-Encoding: chunked", b"transfer-encoding:\tCHUNKED ", b"Connection: close",
    b"connection: keep-alive, X-A", b"Connection: x-b", b"Expect: 100-continue",
    b"TE: trailers", b"X-API-Key: a", b"Authorization: Basic a", b"X-Forwarded-For: a", b"Content_Length: 6",
    b"Via: 1.1 a", b"X-A: \x80\xff\t.",
])  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """Request line and field lines: a good message with at most a few changes."""
    method, target, version = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"PURGE"])), b"/a?b=c", b"HTTP/1.1"
    lines = [*draw(st.lists(GOOD_LINE, max_size=5)), b"Host: a"]
    for change in draw(st.lists(st.integers(0, 5), max_size=2)):
        if change == 0:
            method = draw(METHOD)
        elif change == 1:
            target = draw(TARGET)
        elif change == 2:
            version = draw(VERSION)
        elif change == 3:
            lines.pop(draw(st.integers(0, len(lines) - 1)))
        else:
            lines.insert(draw(st.integers(0, len(lines))), draw(LINE))
        lines = lines or [b"Host: b"]
    return method + b" " + target + b" " + version, draw(st.permutations(lines))


SIZE = st.sampled_from(
    [
        b"0",
        b"1",
        b"5",
        b"05",
        b"a",
        b"+1",
        b" 1",
        b"1 ",
        b"0x1",
        b"",
        b"g",
        b"fffffffffffffffff",
        b"2;a",
        b"2;a=b",
        b"2 ;a",
        b"2;\x00",
        b"2;a\n",
    ]
)
END = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"", b"\r\r\n"])
CHUNK = st.tuples(SIZE, END, st.sampled_from([b"", b"h", b"hello", b"0123456789", b"\r\n", b"xy"]), END).map(b"".join)
WHOLE_CHUNK = st.binary(min_size=1, max_size=20).map(lambda data: b"%x\r\n%s\r\n" % (len(data), data))
TRAILER = st.lists(st.one_of(st.just(b"X: y\r\n"), LINE.map(lambda line: line + b"\r\n")), max_size=2).map(b"".join)
CHUNKS = st.tuples(
    st.lists(st.one_of(WHOLE_CHUNK, WHOLE_CHUNK, CHUNK), max_size=4).map(b"".join),
    st.sampled_from([b"0\r\n", b"00\r\n", b"0;a\r\n", b"0\n", b""]),
    TRAILER,
    st.sampled_from([b"\r\n", b"\n", b""]),
).map(b"".join)


GOOD_START = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.1 201 Made", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 103 X", b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 404 \xff\t",
])  # fmt: skip
START = st.one_of(
    *[GOOD_START] * 7,
    st.tuples(
        st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"http/1.1"]),
        st.sampled_from([b" ", b"  "]),
        st.integers(0, 1200).map(b"%d".__mod__),
        ODD,
    ).map(b"".join),
)
