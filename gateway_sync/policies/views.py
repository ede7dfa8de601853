"""Views: what a policy sees of a request on its way to the service and of an answer on its way back, and may change.

Owns: what may be changed at all: never framing, Host, or what this gateway says about itself and the hop. Names and
values are texts (ISO 8859-1 on the wire, RFC 9110 section 5.5). A policy returns nothing, or an Answer of its own, or a
Refusal; what it raises is a bug and ends the call with 500.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from gateway_sync.messages import Refusal, RequestHead
from gateway_sync.policies.contracts import OperationContract

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[ \t\x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")

_HOP = frozenset({
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length",
    "proxy-authenticate", "proxy-authorization", "proxy-authentication-info", "via", "x-request-id", "http2-settings",
})  # fmt: skip
_OF_REQUESTS = _HOP | {"host", "expect", "forwarded", "traceparent", "tracestate"}
_OF_ANSWERS = _HOP | {"ratelimit", "ratelimit-policy", "alt-svc"}


class Unbindable(ValueError):
    """A policy cannot act on a route; the text says why, for its owner."""


_NAMES_KEPT = 4096  # policies name few fields, and the same ones for each call


class FieldProtected(ValueError):
    """A policy tried to write a field that is the gateway's own, or what is no field."""


@lru_cache(_NAMES_KEPT)
def is_protected(name: str, *, is_answer: bool = False) -> bool:
    """True for a field that no policy may write; `_` counts as `-`, as CGI-style services read it."""
    plain = name.lower().replace("_", "-")
    if is_answer:
        return plain in _OF_ANSWERS
    return plain in _OF_REQUESTS or plain.startswith("x-forwarded")


def fault_of_field(name: str, *, is_answer: bool = False) -> str:
    """Why a policy cannot write a field of this name; "" when it can."""
    if not _TOKEN.fullmatch(name):
        return f'"{name}" is no name of a header field.'
    if is_protected(name, is_answer=is_answer):
        return f'"{name}" is written by the gateway itself.'
    return ""


def is_field_value(value: str) -> bool:
    """True for what can be sent as a field's value."""
    return _VALUE.fullmatch(value) is not None


class Fields:
    """The header fields of a message, in order; names in any case."""

    __slots__ = ("_is_answer", "lines")

    def __init__(self, lines: list[bytes], *, is_answer: bool = False) -> None:
        """lines are changed in place: the raw field lines that go on."""
        self.lines = lines
        self._is_answer = is_answer

    def get(self, name: str) -> str:
        """The field's value, several joined by commas (RFC 9110 section 5.3); "" when it is absent."""
        return ", ".join(self.values(name))

    def values(self, name: str) -> list[str]:
        """The value of each line of the field."""
        start, size = _start_of(name)
        return [
            line[size:].strip(b" \t").decode("latin-1")
            for line in self.lines
            if line[size - 1 : size] == b":" and line[:size].lower() == start  # most lines end at the first test
        ]

    def set(self, name: str, value: str) -> None:
        """Make it the field's only line. Errors: FieldProtected."""
        line = self._line(name, value)
        self._drop(name)
        self.lines.append(line)

    def add(self, name: str, value: str) -> None:
        """Add a line. Errors: FieldProtected."""
        self.lines.append(self._line(name, value))

    def remove(self, name: str) -> None:
        """Drop each line of the field. Errors: FieldProtected."""
        if is_protected(name, is_answer=self._is_answer):
            raise FieldProtected(name)
        self._drop(name)

    def _drop(self, name: str) -> None:
        # X_App too, which a CGI-style service reads as X-App: what a policy sets is not to be forged beside it.
        start, size = _start_of(name.replace("_", "-"))
        self.lines[:] = [
            line
            for line in self.lines
            if line[size - 1 : size] != b":" or line[:size].lower().replace(b"_", b"-") != start
        ]

    def _line(self, name: str, value: str) -> bytes:
        if not _is_name(name) or not _VALUE.fullmatch(value) or is_protected(name, is_answer=self._is_answer):
            raise FieldProtected(f"{name}: {value}")
        return f"{name}: {value}".encode("latin-1")


class LateFields(Fields):
    """The header fields of a request whose lines are parted from one another only for who asks for them."""

    __slots__ = ("_head",)

    def __init__(self, head: RequestHead) -> None:
        """They are the head's own."""
        self._head = head
        self._is_answer = False

    @property
    def lines(self) -> list[bytes]:  # type: ignore[override]
        """The raw field lines that go on; changed in place."""
        return self._head.lines


@lru_cache(_NAMES_KEPT)
def _is_name(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None


@lru_cache(_NAMES_KEPT)
def _start_of(name: str) -> tuple[bytes, int]:
    start = name.lower().encode("latin-1", "replace") + b":"
    return start, len(start)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as far as known: ids, and the application's name; all empty for an anonymous call.

    Shapes: claims are those of a verified token, as its issuer wrote them; none of a call with a key.
    """

    application: str = ""
    application_name: str = ""
    organization: str = ""
    credential: str = ""
    subscription: str = ""
    plan: str = ""
    claims: Mapping[str, object] = field(default_factory=dict, hash=False)


NOBODY = Caller()


class RequestView:
    """A request as it goes to the service.

    Shapes: path is the operation's path without the public prefix, canonical and escaped; query is without "?";
    parameters holds the values of the template's parameters as they stand in the path, still escaped; body is None
    unless a kind asked for it; method is not to be changed: the answer's framing follows from it. notes keeps what a
    step wants to remember until its answer; delay_ms is how long the call is to be held.
    """

    __slots__ = (
        "address", "body", "caller", "delay_ms", "fields", "method", "notes", "operation", "path", "prefix", "query",
        "request_id",
    )  # fmt: skip

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        lines: list[bytes] | Fields,
        *,
        prefix: str = "",
        operation: str = "",
        caller: Caller = NOBODY,
        address: str = "",
        request_id: str = "",
        body: bytes | None = None,
    ) -> None:
        """prefix is the public `/{api}/{version}`, operation the id of the route, such as `GET /accounts/{id}`."""
        self.method = method
        self.path = path
        self.query = query
        self.fields = lines if isinstance(lines, Fields) else Fields(lines)
        self.prefix = prefix
        self.operation = operation
        self.caller = caller
        self.address = address
        self.request_id = request_id
        self.body = body
        self.notes: dict[str, object] = {}
        self.delay_ms = 0

    def copy(self) -> RequestView:
        """An equal view to try a shadow policy on."""
        twin = RequestView(
            self.method, self.path, self.query, list(self.fields.lines), prefix=self.prefix, operation=self.operation,
            caller=self.caller, address=self.address, request_id=self.request_id, body=self.body,
        )  # fmt: skip
        twin.notes = dict(self.notes)
        twin.delay_ms = self.delay_ms
        return twin

    def is_like(self, other: RequestView) -> bool:
        """True when the service would get the same of both."""
        mine, others = ((view.path, view.query, view.fields.lines, view.body, view.delay_ms) for view in (self, other))
        return mine == others


class Filter(Protocol):
    """Changes an answer's content as it passes."""

    def feed(self, content: bytes) -> bytes:
        """What can be sent of it so far."""

    def finish(self) -> bytes:
        """The rest."""


class AnswerView:
    """An answer on its way to the caller.

    Shapes: body is None unless a kind asked for it; size is the content's length, -1 when it is not known yet; filter
    is put on the content as it passes.
    """

    __slots__ = ("body", "fields", "filter", "has_content", "size", "status")

    def __init__(
        self, status: int, lines: list[bytes], *, size: int = -1, has_content: bool = True, body: bytes | None = None
    ) -> None:
        """has_content is False for what has none by nature: answers to HEAD, 204, 304."""
        self.status = status
        self.fields = Fields(lines, is_answer=True)
        self.size = size
        self.has_content = has_content
        self.body = body
        self.filter: Filter | None = None

    def copy(self) -> AnswerView:
        """An equal view to try a shadow policy on."""
        return AnswerView(
            self.status, list(self.fields.lines), size=self.size, has_content=self.has_content, body=self.body
        )

    def is_like(self, other: AnswerView) -> bool:
        """True when the caller would get the same of both."""
        mine, others = ((view.status, view.fields.lines, view.body, view.filter is None) for view in (self, other))
        return mine == others


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that a policy gives in the service's place. Shapes: fields are pairs of name and value."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


Outcome = Answer | Refusal | None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What a kind may know of the route that its step is bound to.

    Shapes: contract is there for kinds that ask for it (Description.contract) where the version has a document.
    """

    id: str
    method: str
    path: str
    contract: OperationContract | None = None
    definitions: tuple[tuple[str, str], ...] = ()
