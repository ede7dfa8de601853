"""Properties of what reads bytes: strict, total, and in agreement with llhttp where both accept.

Promises R1, R2, H16.
"""

from __future__ import annotations

from contextlib import suppress

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.messages import CHUNKED, FramingError
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.field_lines import FORWARD, KEY, FieldLines
from gateway_sync.runtime.core.networks import NetworkRules
from gateway_sync.runtime.core.paths import canonical_path
from gateway_sync.runtime.core.public_links import PublicLinks
from gateway_sync.runtime.core.request_head import read_request_head
from gateway_sync.snapshot import Target

HOSTILE = st.sampled_from(
    [
        b"Content-Length: 5",
        b"Content-Length: 05",
        b"content-length: 5 ",
        b"Content-Length: 5,5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding:\tchunked",
        b"Transfer-Encoding: identity",
        b"X: a\0",
        b"X: a\rb",
        b"X: a\nb",
        b" folded",
        b"X : a",
        b"X:",
        b"X: \x80\xff",
        b"Host: b",
        b"Connection: close",
    ]
)


class Oracle:
    """llhttp's view of a head."""

    def __init__(self, data: bytes) -> None:
        """Errors: httptools.HttpParserError."""
        self.fields: list[tuple[bytes, bytes]] = []
        self.is_complete = False
        httptools.HttpRequestParser(self).feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field."""
        self.fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head ended where we think it did."""
        self.is_complete = True


@given(
    st.lists(
        st.one_of(HOSTILE, st.binary(max_size=30).filter(lambda line: b"\r\n" not in line and line != b"")), max_size=6
    )
)
def test_what_we_accept_llhttp_reads_alike(lines: list[bytes]) -> None:
    block = b"\r\n".join([b"POST /a HTTP/1.1", b"Host: a", *lines])
    try:
        head = read_request_head(block.split(b"\r\n"), FieldLines(frozenset({b"x-api-key"})))
    except FramingError:
        return
    oracle = Oracle(block + b"\r\n\r\n")
    assert oracle.is_complete
    names = [name for name, _ in oracle.fields]
    assert len(names) == len(lines) + 1
    assert names.count(b"host") == 1
    assert (b"transfer-encoding" in names) == (head.body == CHUNKED)
    assert not (b"transfer-encoding" in names and b"content-length" in names)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_chunked_content_is_the_same_however_it_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\nNEXT"
    decoder, content, position = ChunkedDecoder("bad-request"), b"", 0
    while position < len(wire) and not decoder.is_complete:
        step = data.draw(st.integers(1, len(wire) - position))
        content += b"".join(decoder.feed(wire[position : position + step]))
        position += step
    assert decoder.is_complete
    assert content == b"".join(pieces)
    assert decoder.rest + wire[position:] == b"NEXT"


@given(st.binary(max_size=200))
def test_chunked_decoder_never_fails_otherwise_than_by_a_framing_error(data: bytes) -> None:
    with suppress(FramingError):
        ChunkedDecoder("bad-request").feed(data)


@given(st.text(alphabet="/.%2eEfFaA;x0cC\\", max_size=30).map(str.encode))
def test_canonical_paths_are_fixed_points_without_tricks(path: bytes) -> None:
    canonical = canonical_path(b"/" + path)
    if canonical is None:
        return
    assert canonical_path(canonical) == canonical
    assert canonical.startswith(b"/")
    assert b"//" not in canonical
    assert not {b".", b".."} & {segment.partition(b";")[0] for segment in canonical.split(b"/")}
    assert b"%2f" not in canonical.lower()


@pytest.mark.parametrize(
    ("host", "port", "is_admitted"),
    [
        ("127.0.0.1", 9101, True),
        ("10.1.2.3", 80, True),
        ("::ffff:127.0.0.1", 9101, True),
        ("93.184.216.34", 80, True),
        ("127.0.0.1", 8000, False),
        ("127.0.0.2", 8000, False),
        ("::1", 8000, False),
        ("::ffff:127.0.0.1", 8000, False),
        ("169.254.169.254", 80, False),
        ("::ffff:169.254.169.254", 80, False),
        ("fe80::1%eth0", 80, False),
        ("64:ff9b::a9fe:a9fe", 80, False),
        ("fd00:ec2::254", 80, False),
        ("0.0.0.0", 9101, False),
        ("::", 9101, False),
        ("224.0.0.1", 80, False),
        ("localhost", 80, False),
        ("192.168.1.1", 80, False),
    ],
)
def test_addresses_that_upstreams_may_have(host: str, port: int, is_admitted: bool) -> None:
    rules = NetworkRules(
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "169.254.0.0/16"], ["127.0.0.1:8000"], allow_public=True
    )
    assert rules.admits(host, port) is is_admitted


@pytest.mark.parametrize("name", [b"content-length", b"transfer_encoding", b"x-forwarded-for", b"x-user-id", b"via"])
def test_field_with_a_meaning_cannot_be_the_key_field_of_an_api(name: bytes) -> None:
    line = name + b": chunked" if b"transfer" in name else name + b": 5"
    lines = FieldLines(frozenset({name}))
    assert lines.judge(line).kind == FieldLines(frozenset()).judge(line).kind
    assert lines.judge(line).kind not in (KEY, FORWARD)


def test_cookie_of_an_upstream_stays_below_its_own_api() -> None:
    links = PublicLinks(b"/bank/v1", [Target("http", "bank.internal", 80, "/base", 100)])
    for path in (b"/", b"/elsewhere", b"/basement", b"/../trading"):
        cookie = links.public_value(b"set-cookie", b"a=b; Path=" + path)
        assert cookie == b"a=b; Path=/bank/v1"
    assert links.public_value(b"set-cookie", b"a=b; Path=/base/accounts") == b"a=b; Path=/bank/v1/accounts"
