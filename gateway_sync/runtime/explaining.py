"""Explaining: from an exchange that ended to the trace that is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway_sync.policies.views import NOBODY
from gateway_sync.runtime.core.stages import stages_met, stopped_at
from gateway_sync.runtime.spool_format import CLIENT_CLOSED
from gateway_sync.trace_wire import MAX_PATH, MAX_POLICIES, UNKNOWN, CallTrace, PolicyMet, Rival, Try

if TYPE_CHECKING:
    from gateway_sync.messages import Refusal
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.recording import Recording

ANSWERED = "answered"


class Ended(NamedTuple):
    """How an exchange ended.

    Shapes: code as in usage; is_answered = an answer began, of the service or in its place. Units: nanoseconds since
    the epoch, microseconds, bytes.
    """

    status: int
    code: str
    started_ns: int
    duration_us: int
    upstream_us: int
    request_bytes: int
    response_bytes: int
    is_answered: bool


def explain(exchange: Exchange, recording: Recording, ended: Ended, slot: int) -> CallTrace:
    """The trace of an exchange."""
    admission, head, serving = exchange.admission, exchange.head, exchange.serving
    caller = admission.grant.caller if admission.grant is not None else NOBODY
    rivals = admission.grant.rivals if admission.grant is not None else ()
    last = try_under_way(exchange, recording, ended)
    tries = recording.tries if last is None else [*recording.tries, last]
    return CallTrace(
        request_id=exchange.request_id.decode(),
        at_us=ended.started_ns // 1000,
        reason=recording.reason,
        status=ended.status,
        duration_us=ended.duration_us,
        code=ended.code,
        detail=recording.detail,
        method=head.method.decode(),
        path=_text(admission.path[:MAX_PATH]),
        version_id=admission.version.id if admission.version is not None else "",
        operation=admission.route.id if admission.route is not None else "",
        revision=serving.gate.index.revision,
        slot=slot,
        protocol="HTTP/2" if exchange.client.takes_trailers else f"HTTP/1.{head.minor}",
        scheme="http" if exchange.client.peer is None else "https",
        organization=caller.organization,
        application=caller.application,
        credential=caller.credential,
        subscription=caller.subscription,
        plan=caller.plan,
        rivals=[Rival(*each) for each in rivals],
        policies=_policies(exchange, recording, ended, tries)[:MAX_POLICIES],
        tries=tries,
        parts=recording.parts,
        upload_us=_since(recording.uploaded_ns, ended.started_ns),
        body_us=_body_us(last, ended),
        request_bytes=ended.request_bytes,
        response_bytes=ended.response_bytes,
        span=recording.span,
    )


def explain_unread(request_id: str, at_ns: int, refusal: Refusal, status: int, slot: int, revision: int) -> CallTrace:
    """The trace of bytes that were no request, or of one that the edge refused."""
    return CallTrace(
        request_id=request_id,
        at_us=at_ns // 1000,
        reason="refused",
        status=status,
        duration_us=UNKNOWN,
        code=refusal.code,
        detail=refusal.detail,
        revision=revision,
        slot=slot,
        policies=[PolicyMet("http", "refused")],
    )


def try_under_way(exchange: Exchange, recording: Recording, ended: Ended, retry: str = "") -> Try | None:
    """The try that ends now, None when none is under way."""
    attempts, target = exchange.attempts, getattr(exchange, "target", None)
    if target is None or (attempts is not None and not attempts.is_trying):
        return None
    dialed_ns, sent_ns = (attempts.dialed_ns if attempts is not None else 0), exchange.sent_ns
    at_us = _since(dialed_ns or sent_ns, ended.started_ns)
    connect_us = 0
    if dialed_ns:
        is_sent = sent_ns >= dialed_ns
        connect_us = _since(sent_ns, dialed_ns) if is_sent else max(0, ended.duration_us - at_us)
    host, port = target.address
    scheme = "https" if target.is_tls else "http"
    return Try(
        f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}",
        ANSWERED if ended.is_answered and not retry else _outcome(ended.code),
        at_us,
        max(0, ended.duration_us - at_us),
        _text((target.base_path + exchange.path)[:MAX_PATH]),
        attempts.arm_name if attempts is not None else "",
        connect_us,
        ended.upstream_us if ended.is_answered else UNKNOWN,
        ended.status if ended.is_answered else 0,
        retry,
        recording.try_id,
    )


def _outcome(code: str) -> str:
    return "abandoned" if code == CLIENT_CLOSED else code.removeprefix("upstream-")


def _policies(exchange: Exchange, recording: Recording, ended: Ended, tries: list[Try]) -> list[PolicyMet]:
    """The stages of admission, then what the steps did."""
    stepping = exchange.stepping
    is_refused_here = not tries and not ended.is_answered and (stepping is None or not stepping.has_run)
    stopped = stopped_at(exchange.admission, ended.code if is_refused_here else "")
    steps = [] if stepping is None or recording.is_watched else stepping.steps_met()
    steps = [*recording.policies, *steps]
    in_steps_us = sum(max(0, each.us) for each in steps if not each.is_answer)
    asked_us = [tried.at_us for tried in tries] or [part.at_us for part in recording.parts if part.us >= 0]
    before_us = max(0, min(asked_us, default=ended.duration_us) - in_steps_us)
    return [*stages_met(exchange.admission, stopped, before_us), *steps]


def _body_us(last: Try | None, ended: Ended) -> int:
    if last is None or not ended.is_answered:
        return UNKNOWN
    return max(0, ended.duration_us - last.at_us - last.connect_us - ended.upstream_us)


def _since(at_ns: int, started_ns: int) -> int:
    return max(0, at_ns - started_ns) // 1000 if at_ns else UNKNOWN


def _text(content: bytes) -> str:
    return content.decode(errors="replace").replace("\0", "\ufffd")
