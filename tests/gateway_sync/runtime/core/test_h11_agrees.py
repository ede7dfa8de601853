"""What the core accepts, h11 reads alike: method, target, fields, framing, content. h11 is no code of ours.

Where the two differ on purpose, and why:

- Empty lines before a request are ignored here (RFC 9112 section 2.2); h11 refuses them. The shell takes them away.
- Absolute-form is read apart here: the target is its path, the host its authority; h11 hands the target over whole.
- HTTP/1.0 with `Connection: keep-alive` is kept alive here (RFC 9112 section 9.3); h11 never does.
- Whitespace before the semicolon of a chunk extension is accepted here (BWS, RFC 9112 section 7.1.1); h11 refuses it.
- Trailers are dropped here, whatever they are about; h11 judges the values of lengths and codings among them.
- Here, and not in h11, these are refused: folded lines, control bytes in values, equal lengths twice, a length beside a
  coding, a coding in HTTP/1.0, methods that are not upper-case, TRACE and CONNECT, trailing spaces after a chunk's
  size, control bytes in extensions, statuses beyond 599, bodies announced for 1xx and 204. So only what is accepted
  here is compared: h11 may accept more, never less.

Promises R2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import h11
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE, FramingError, RequestHead, ResponseHead
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.field_lines import FieldLines
from gateway_sync.runtime.core.paths import canonical_path, is_query
from gateway_sync.runtime.core.public_links import PublicLinks
from gateway_sync.runtime.core.request_head import read_request_head
from gateway_sync.runtime.core.response_head import AnswerLines, read_response_head
from tests.gateway_sync.runtime.core.chance_messages import CHUNKS, GOOD_LINE, LINE, ORDINARY, START, requests

EXAMPLES = 300
FIELDS = FieldLines(frozenset({b"x-api-key"}))  # one for all examples: what it remembers must not change a verdict


@dataclass
class Reading:
    """What h11 makes of bytes."""

    head: h11.Request | h11.Response | h11.InformationalResponse | None = None
    content: bytes = b""
    is_whole: bool = False
    is_refused: bool = False
    is_continue_awaited: bool = False
    states: set[object] = field(default_factory=set)
    rest: bytes = b""


def _read(connection: h11.Connection, data: bytes) -> Reading:
    reading = Reading()
    try:
        connection.receive_data(data)
        while True:
            found = connection.next_event()
            if found in (h11.NEED_DATA, h11.PAUSED) or isinstance(found, h11.ConnectionClosed):
                return reading
            if isinstance(found, h11.Request | h11.Response | h11.InformationalResponse):
                reading.head = found
                reading.is_continue_awaited = connection.they_are_waiting_for_100_continue
            elif isinstance(found, h11.Data):
                reading.content += bytes(found.data)
            else:
                reading.is_whole = True
                reading.rest = connection.trailing_data[0]
                return reading
    except h11.RemoteProtocolError:
        reading.is_refused = True
        return reading


def _server() -> h11.Connection:
    return h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)


def _accepted(line: bytes, lines: list[bytes]) -> RequestHead | None:
    """Our reading of a head, None when it is refused, by the head alone or by its path."""
    try:
        head = read_request_head((b"\r\n".join([line, *lines])).split(b"\r\n"), FIELDS, is_secure=True)
    except FramingError:
        return None
    if canonical_path(head.target_path) is None or not is_query(head.query):
        return None
    return head


@settings(max_examples=EXAMPLES, deadline=None)
@given(requests())
def test_request_head_that_is_accepted_is_read_alike(request: tuple[bytes, list[bytes]]) -> None:
    line, lines = request
    head = _accepted(line, lines)
    event("accepted" if head else "refused")
    if head is None:
        return
    body = {NO_BODY: b"", SIZED: b"x" * min(head.content_length, 1000), CHUNKED: b"5\r\nhello\r\n0\r\n\r\n"}[head.body]
    reading = _read(_server(), b"\r\n".join([line, *lines, b"", b""]) + body + b"NEXT")
    theirs = reading.head
    assert isinstance(theirs, h11.Request)
    assert not reading.is_refused or head.body == NO_BODY
    assert theirs.method == head.method
    assert theirs.http_version == b"1.%d" % head.minor
    _compare_target(line, theirs, head)
    _compare_fields(theirs, head)
    assert reading.is_continue_awaited == head.expects_continue
    if head.body != SIZED or head.content_length <= len(body):
        assert reading.is_whole
        assert reading.content == (b"hello" if head.body == CHUNKED else body)
        assert reading.rest == b"NEXT"


def _compare_target(line: bytes, theirs: h11.Request, head: RequestHead) -> None:
    ours = head.target_path + head.query
    if theirs.target.startswith(b"/"):
        assert theirs.target == ours
    else:
        assert theirs.target.lower().startswith((b"http://" + head.host.lower(), b"https://" + head.host.lower()))
        assert theirs.target.endswith(ours) or (ours[:1] == b"/" and theirs.target.endswith(ours[1:]))
    assert line.split(b" ")[1] == theirs.target


def _compare_fields(theirs: h11.Request, head: RequestHead) -> None:
    found = [(bytes(name), bytes(value)) for name, value in theirs.headers]
    names = [name for name, _ in found]
    assert names.count(b"host") <= 1
    assert (head.body == CHUNKED) == (b"transfer-encoding" in names)
    if b"content-length" in names:
        assert int(dict(found)[b"content-length"]) == head.content_length
        assert head.body == SIZED or head.content_length == 0
    options = {option.strip().lower() for name, value in found if name == b"connection" for option in value.split(b",")}
    ordinary = {name.lower() for name in ORDINARY} - options
    ours = [(name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in head.lines)]
    assert [pair for pair in ours if pair[0] in ordinary] == [pair for pair in found if pair[0] in ordinary]
    assert {name for name, _ in ours} <= set(names) - (options - {b"content-length"})
    assert head.is_persistent == (b"close" not in options and (head.minor == 1 or b"keep-alive" in options))


@settings(max_examples=EXAMPLES, deadline=None)
@given(CHUNKS)
def test_chunked_body_that_is_accepted_is_read_alike(body: bytes) -> None:
    decoder = ChunkedDecoder("bad-request")
    try:
        content = b"".join(decoder.feed(body + b"NEXT"))
    except FramingError:
        return
    is_other_on_purpose = b" ;" in body or b"content-length" in body.lower() or b"transfer-encoding" in body.lower()
    if not decoder.is_complete or is_other_on_purpose:
        return
    event("accepted")
    reading = _read(_server(), b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"NEXT")
    assert not reading.is_refused
    assert reading.is_whole
    assert reading.content == content
    assert reading.rest == decoder.rest


@settings(max_examples=EXAMPLES, deadline=None)
@given(START, st.lists(st.one_of(*[GOOD_LINE] * 7, LINE), max_size=3), st.booleans())
def test_answer_head_that_is_accepted_is_read_alike(start: bytes, lines: list[bytes], is_head: bool) -> None:
    answers = AnswerLines(PublicLinks(b"/bank/v1", ()))
    try:
        ours = read_response_head(b"\r\n".join([start, *lines]), answers, is_head=is_head)
    except FramingError:
        return
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=200_000)
    client.send(h11.Request(method=b"HEAD" if is_head else b"GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    body = {
        NO_BODY: b"",
        SIZED: b"x" * min(ours.content_length, 1000),
        CHUNKED: b"5\r\nhello\r\n0\r\n\r\n",
        UNTIL_CLOSE: b"some",
    }[ours.body]
    reading = _read(client, b"\r\n".join([start, *lines, b"", b""]) + body)
    theirs = reading.head
    assert not reading.is_refused
    assert isinstance(theirs, h11.Response | h11.InformationalResponse)
    assert theirs.status_code == ours.status
    assert theirs.http_version == b"1.%d" % ours.minor
    event(f"accepted {ours.body}")
    _compare_answer_fields(theirs, ours)
    if isinstance(theirs, h11.Response) and (ours.body != SIZED or ours.content_length <= len(body)):
        assert reading.is_whole == (ours.body != UNTIL_CLOSE)
        assert reading.content == (b"hello" if ours.body == CHUNKED else body)


def _compare_answer_fields(theirs: h11.Response | h11.InformationalResponse, ours: ResponseHead) -> None:
    found = [(bytes(name), bytes(value)) for name, value in theirs.headers]
    options = {option.strip().lower() for name, value in found if name == b"connection" for option in value.split(b",")}
    ordinary = {name.lower() for name in ORDINARY} - options
    kept = [(name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in ours.lines)]
    assert [pair for pair in kept if pair[0] in ordinary] == [pair for pair in found if pair[0] in ordinary]
    lengths = [int(value) for name, value in found if name == b"content-length"]
    assert lengths == ([ours.content_length] if ours.content_length >= 0 else [])
