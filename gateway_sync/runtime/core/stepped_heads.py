"""Stepped heads: between the heads of messages and the views that policies get of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import NO_BODY, SIZED, Refusal, RequestHead, ResponseHead
from gateway_sync.policies.views import NOBODY, Answer, Fields, LateFields, RequestView
from gateway_sync.runtime.core.paths import canonical_path, is_query

if TYPE_CHECKING:
    from gateway_sync.runtime.core.admission import Admission
    from gateway_sync.runtime.core.index import RouteEntry

_BODILESS: Final = (204, 304)


def view_of(
    head: RequestHead, admission: Admission, route: RouteEntry, address: str, request_id: bytes, body: bytes | None
) -> RequestView:
    """The view of an admitted request; its fields are the head's own."""
    prefix = route.version.prefix
    grant = admission.grant
    return RequestView(
        head.method.decode(),
        (admission.path[len(prefix) :] or b"/").decode(),
        head.query[1:].decode(),
        LateFields(head),
        prefix=prefix.decode(),
        operation=route.id,
        caller=grant.caller if grant is not None else NOBODY,
        address=address,
        request_id=request_id.decode(),
        body=body,
    )


def take_over(view: RequestView, head: RequestHead, admission: Admission, route: RouteEntry) -> Refusal | None:
    """Put into the head what the steps left; a refusal for what cannot be sent.

    A path is brought into canonical form, which is below the target's base path whatever was filled in.
    """
    prefix = route.version.prefix
    path = view.path.encode()
    if path != (admission.path[len(prefix) :] or b"/"):
        rewritten = canonical_path(path)
        if rewritten is None:
            return Refusal("bad-request", "The path cannot be passed on.")
        admission.path = prefix + rewritten
    query = view.query.encode()
    if query != head.query[1:]:
        if not is_query(query):
            return Refusal("bad-request", "The query cannot be passed on.")
        head.query = b"?" + query if query else b""
    if view.body is not None:
        head.body = SIZED
        head.content_length = len(view.body)
    return None


def head_of(answer: Answer, date: bytes, *, is_head: bool) -> ResponseHead:
    """The head of an answer that a policy gives. Errors: FieldProtected for fields that it may not write."""
    head = ResponseHead()
    head.status = answer.status
    head.reason = phrase(answer.status)
    fields = Fields(head.lines, is_answer=True)
    for name, value in answer.fields:
        fields.add(name, value)
    head.lines.append(date)
    head.content_length = len(answer.body)
    head.body = SIZED if answer.body and not is_head and answer.status not in _BODILESS else NO_BODY
    return head


def copy_of(head: ResponseHead) -> ResponseHead:
    """A head of its own to change: those of answers are shared."""
    copy = ResponseHead()
    copy.status, copy.reason, copy.minor = head.status, head.reason, head.minor
    copy.lines = list(head.lines)
    copy.body, copy.content_length, copy.is_persistent = head.body, head.content_length, head.is_persistent
    return copy


def phrase(status: int) -> bytes:
    """The reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
