"""What fuzzing and the corpus have found, kept: (what it was, stream, a word of the right outcome, pieces)."""

from __future__ import annotations

FINDINGS: tuple[tuple[str, str, str, tuple[bytes, ...]], ...] = (
    (
        "a size line of just 256 bytes was refused only when it was cut between CR and LF",
        "chunks",
        "whole",
        (b"1;" + b"x" * 254 + b"\r", b"\na\r\n0\r\n\r\n"),
    ),
    (
        "so was a trailer line of just 8,192 bytes",
        "chunks",
        "whole",
        (b"0\r\nX: " + b"y" * 8189 + b"\r", b"\n\r\n"),
    ),
    ("a trailer line could be folded", "chunks", "refused", (b"0\r\nX: y\r\n ", b"folded: z\r\n\r\n")),
    ("a trailer line could hold control bytes", "chunks", "refused", (b"0\r\nX: \x01\r", b"\n\r\n")),
    (
        "the head of an answer could be of any length, when it came in one piece",
        "answers",
        "failed",
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"y" * 70_000, b"\r\n\r\n"),
    ),
    (
        "a head of just 65,536 bytes was refused only when it was cut within its end",
        "requests",
        "waiting",
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * (65_536 - 28) + b"\r", b"\n\r\n"),
    ),
    (
        "a status beyond 599 was counted as something else",
        "answers",
        "failed",
        (b"HTTP/1.1 666 X\r\nContent-Length: 0", b"\r\n\r\n"),
    ),
    (
        "chunks in an answer that can have no body",
        "answers",
        "failed",
        (b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"0\r\n\r\n"),
    ),
    (
        "a valid head was refused when its lines came in another order than those of the one before",
        "requests",
        "waiting",
        (
            b"GET /1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: 1\r\n\r\n",
            b"GET /2 HTTP/1.1\r\nHost: a\r\nX-Request-Id: 2\r\n\r\n",
            b"GET /3 HTTP/1.1\r\nX-Request-Id: 3\r\nHost: a\r\n\r\n",
            b"GET /4 HTTP/1.1\r\nHost: a\r\nX-Request-Id: 4\r\n\r\n",
        ),
    ),
)
