"""Reading the heads of a connection by what they have in common changes nothing but the time it takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.messages import FramingError, RequestHead
from gateway_sync.runtime.core.field_lines import FieldLines
from gateway_sync.runtime.core.repetition import ATTEMPTS, HeadReader
from gateway_sync.runtime.core.request_head import KEPT_ALIVE, read_request_head, split_head
from tests.properties import patient

_KEY_FIELDS = frozenset({b"x-api-key"})
_TARGETS = st.sampled_from([b"/a", b"/a?b=1", b"http://other/a", b"a", b"/" + b"a" * 40])
_LINES = st.sampled_from(
    [
        b"Host: a",
        b"Host: b:80",
        b"Accept: */*",
        b"Accept: text/html",
        b"Cookie: a=b",
        b"X-API-Key: apim_1",
        b"X-API-Key: apim_2",
        b"Authorization: Bearer x",
        b"X-Request-Id: 1",
        b"X-Request-Id: 2",
        b"X-Forwarded-For: 1.2.3.4",
        b"Connection: keep-alive",
        b"Connection: close",
        b"Connection: cookie",
        b"Content-Length: 0",
        b"Content-Length: 4",
        b"Transfer-Encoding: chunked",
        b"Expect: 100-continue",
        b"Origin: https://a.example",
        b"Via: 1.1 b",
        b"X: a\nb",
        b"X : a",
        b" folded",
    ]
)
_HEADS = st.tuples(
    st.sampled_from([b"GET", b"POST", b"get"]),
    _TARGETS,
    st.sampled_from([b"1.1", b"1.1", b"1.0"]),
    st.lists(_LINES, max_size=7),
)
# Compiled, the class has no __slots__.
_PROPERTIES = [
    name for name in dir(RequestHead) if not name.startswith("_") and not callable(getattr(RequestHead, name))
]


def _said(head: RequestHead) -> list[object]:
    if set(head.connection.split(b",")) <= KEPT_ALIVE:
        head.connection = b""  # says nothing, so a head that is read by repetition does not repeat it
    return [head.block(), head.lines, *(getattr(head, name) for name in _PROPERTIES)]


def _plainly(data: bytes, fields: FieldLines) -> list[object] | str:
    try:
        return _said(read_request_head(split_head(data)[0], fields))
    except FramingError as error:
        return error.refusal.code


def _repeatedly(reader: HeadReader, data: bytes, fields: FieldLines) -> list[object] | str:
    try:
        head, rest = reader.read(data + b"NEXT", fields)
    except FramingError as error:
        return error.refusal.code
    assert head is not None
    assert rest == b"NEXT"
    return _said(head)


def _bytes(head: tuple[bytes, bytes, bytes, list[bytes]]) -> bytes:
    method, target, version, lines = head
    return b"\r\n".join([b"%s %s HTTP/%s" % (method, target, version), *lines, b"\r\n"])


@patient
@given(_HEADS, st.lists(_HEADS, max_size=4), st.data())
def test_heads_of_a_connection_are_read_as_each_by_itself(
    first: tuple[bytes, bytes, bytes, list[bytes]],
    others: list[tuple[bytes, bytes, bytes, list[bytes]]],
    data: st.DataObject,
) -> None:
    fields, reader = FieldLines(_KEY_FIELDS), HeadReader()
    similar = [
        (*first[:3], [data.draw(_LINES) if data.draw(st.integers(0, 5)) == 0 else line for line in first[3]])
        for _ in range(3)
    ]
    for head in [first, first, *similar, first, *others, first, *similar]:
        assert _repeatedly(reader, _bytes(head), fields) == _plainly(_bytes(head), FieldLines(_KEY_FIELDS))


def test_head_that_has_not_come_whole_is_waited_for() -> None:
    fields, reader = FieldLines(_KEY_FIELDS), HeadReader()
    whole = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-Request-Id: 1\r\n\r\n"
    for _ in range(ATTEMPTS):
        assert reader.read(whole, fields)[0] is not None
        for length in range(1, len(whole)):
            assert reader.read(whole[:length], fields) == (None, whole[:length])


def test_another_snapshot_judges_anew() -> None:
    reader, whole = HeadReader(), b"GET / HTTP/1.1\r\nHost: a\r\nX-Token: apim_1\r\n\r\n"
    plain = FieldLines(_KEY_FIELDS)
    for _ in range(4):
        head, _ = reader.read(whole, plain)
        assert head is not None
        assert head.keys is None
    head, _ = reader.read(whole, FieldLines(frozenset({b"x-token"})))
    assert head is not None
    assert head.keys == [(b"x-token", b"apim_1")]
