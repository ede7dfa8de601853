"""Valid messages, and what chance makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

_HEAD = b"Host: a.example\r\nX-API-Key: apim_live_k\r\nAccept: */*\r\nX-Request-Id: %d\r\n"
_GET = b"GET /bank/v1/accounts?a=b HTTP/1.1\r\n" + _HEAD
_POST = b"POST /bank/v1/accounts HTTP/1.1\r\n" + _HEAD

SEEDS: dict[str, tuple[bytes, ...]] = {
    "chunks": (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"1\r\na\r\n0a;x=y\r\n0123456789\r\n000\r\nX-Sum: 1\r\nY: \t2 \r\n\r\nGET / HTTP/1.1\r\n",
        b'2 ; a="b"\r\n\r\n\r\n0\r\n\r\n',
        b"1;" + b"x" * 252 + b"\r\na\r\n0\r\n\r\n",
        b"0\r\nX: " + b"y" * 8187 + b"\r\n\r\n",
    ),
    "requests": (
        b"".join(_GET % number + b"\r\n" for number in range(5)),
        b"".join(_POST % number + b"Content-Length: 5\r\n\r\nhello" for number in range(5)),
        b"\r\n\r\n"
        + b"".join(_POST % 1 + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" for _ in range(4)),
        b"".join(_GET % number + b"Connection: keep-alive, X-A\r\nX-A: 1\r\nVia: 1.1 a\r\n\r\n" for number in range(4)),
        b"GET http://b/ HTTP/1.0\r\nConnection: keep-alive\r\nOrigin: c\r\n\r\n" * 4,
        b"".join(
            _GET % (number // 2) + b"Authorization: Basic %d\r\nX_A: b\r\nTE: x\r\n\r\n" % number for number in range(5)
        ),
    ),
    "answers": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
        b"HTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 404 Not Found\r\nSet-Cookie: a=b; Path=/\r\nLocation: /x\r\n\r\nuntil the end",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ),
}
SEEDS["answers to HEAD"] = SEEDS["answers"]

_TOKENS = (
    b"\r\n", b"\r", b"\n", b"\r\n\r\n", b" ", b"\t", b":", b";", b",", b"\x00", b"\x0b", b"\x7f", b"\xff", b"0", b"5",
    b"-", b"+", b"0x", b"chunked", b"close",
    b"Content-Length: 5\r\n", b"content-length:6\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n", b"Host: b\r\n", b"X-API-Key: z\r\n",
    b"Connection: close\r\n", b"Connection: Host\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n",
    b" folded\r\n", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0",
    b"0\r\n\r\n", b"ffffffffffffffff", b"GET / HTTP/1.1\r\nHost: c\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n", b"..", b"%2e",
    b"//",
)  # fmt: skip


def mutate(chance: Random, seed: bytes) -> bytes:
    """The seed with a few changes: bytes and tokens put in, taken out, doubled, moved, changed."""
    data = seed
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 6))):
        place = chance.randrange(len(data) + 1)
        length = min(chance.choice((1, 1, 2, 8, 40)), len(data) - place)
        part = data[place : place + length]
        match chance.randrange(7):
            case 0:
                data = data[:place] + chance.choice(_TOKENS) + data[place:]
            case 1:
                data = data[:place] + chance.choice(_TOKENS) + data[place + length :]
            case 2:
                data = data[:place] + data[place + length :]
            case 3:
                data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
            case 4:
                data = data[:place] + part * 2 + data[place + length :]
            case 5:
                other = chance.randrange(len(data) + 1)
                data = data[:other] + part + data[other:]
            case _:
                data = _swap_lines(chance, data)
    return data


def _swap_lines(chance: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def cut(chance: Random, data: bytes) -> Sequence[bytes]:
    """The data in pieces: each byte alone, a few pieces, or cut around the ends of lines."""
    way = chance.randrange(3)
    if way == 0 and len(data) < 600:
        places = range(1, len(data))
    elif way == 1:
        places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 5)))
    else:
        ends = [place for place in range(1, len(data)) if data[place - 1 : place] in {b"\r", b"\n"}]
        places = sorted(chance.sample(ends, min(len(ends), chance.randrange(1, 9))))
    starts = [0, *places]
    return [data[start:end] for start, end in zip(starts, [*places, len(data)], strict=True) if start < end]
