"""Traces of single exchanges: kept for an hour unless set otherwise, found by the id of the request, shown by who asks.

Best effort, unlike usage: nothing is counted by them, and a gateway tells only so many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apim.accounts.models import User
from apim.accounts.permissions import is_admin
from apim.catalog.models import APIVersion
from apim.gateways.models import Gateway
from apim.usage.models import KeptTrace, UsageRecord
from apim.usage.reports import may_see_calls
from apim.usage.upserts import insert_new
from gateway_sync.trace_wire import CallTrace, PolicyMet, Try

MOST_KEPT = 200_000
_FIELDS = tuple(field.attname for field in KeptTrace._meta.concrete_fields if not field.primary_key)  # noqa: SLF001 - public by custom
_ROWS_A_TRANSACTION = 5_000
_ENDED_IT = frozenset({"refused", "answered", "failed"})
# Stages of the gateway that every API has; the others are policies that its owner chose.
_KNOWN_STAGES = frozenset(
    {"http", "route", "address", "key-auth", "jwt", "caller", "subscription", "limits", "size-limit"}
)

_TOLD_BESIDE = frozenset({
    "request_id", "at_us", "status", "code", "path", "version_id", "operation", "organization", "application",
    "credential", "subscription", "request_bytes", "response_bytes",
})  # fmt: skip

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(CallTrace)


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """A trace as one person may see it. Shapes: is_redacted = it is that of a caller, without what is the owner's."""

    trace: CallTrace
    at: datetime
    is_redacted: bool


@transaction.atomic
def keep_traces(*, gateway: Gateway, traces: Sequence[CallTrace]) -> None:
    """Store them; those that are there already change nothing."""
    now = timezone.now()
    rows = [
        (
            trace.request_id,
            gateway.id,
            gateway.environment_id,
            now,
            _moment(trace.at_us),
            trace.version_id,
            trace.application,
            (trace.operation or trace.path).replace("\0", "\ufffd"),
            trace.status,
            trace.code,
            max(0, trace.duration_us),
            _encode(trace).decode(),
        )
        for trace in traces
    ]
    insert_new(KeptTrace, _FIELDS, rows, returning="request_id")


def purge(*, now: datetime) -> int:
    """Delete what is older than its time, and the oldest beyond MOST_KEPT; the number of rows deleted."""
    old = KeptTrace.objects.filter(received_at__lt=now - timedelta(minutes=settings.TRACES_KEPT_MINUTES))
    first_too_many = KeptTrace.objects.order_by("-id").values_list("id", flat=True)[MOST_KEPT : MOST_KEPT + 1].first()
    beyond = KeptTrace.objects.filter(id__lte=first_too_many or 0)
    deleted = 0
    for rows in (old, beyond):
        while ids := list(rows.values_list("id", flat=True)[:_ROWS_A_TRANSACTION]):
            deleted += KeptTrace.objects.filter(id__in=ids).delete()[0]
    return deleted


def find_trace(request_id: str, user: User) -> FoundTrace | None:
    """What is kept of the exchange: all for admins and the owners of its API, a part for who called, else None."""
    kept = KeptTrace.objects.filter(request_id=request_id).first()
    if kept is None:
        return None
    trace = _decoder.decode(kept.body)
    if is_admin(user) or APIVersion.objects.editable_by(user).filter(id=kept.version_id).exists():
        return FoundTrace(trace, kept.at, is_redacted=False)
    if kept.application_id and may_see_calls(user, kept.application_id, trace.organization):
        return FoundTrace(redacted(trace), kept.at, is_redacted=True)
    return None


def latest(user: User, limit: int) -> list[KeptTrace]:
    """The newest traces that the person may see whole: of the versions it owns, all for admins."""
    kept = KeptTrace.objects.all()
    if not is_admin(user):
        kept = kept.filter(version_id__in=APIVersion.objects.editable_by(user).values("id"))
    return list(kept.defer("body").order_by("-id")[:limit])


def record_of(found: FoundTrace | None) -> UsageRecord:
    """What a usage record would say, of an exchange that has none because nobody in particular called."""
    if found is None:
        return UsageRecord(at=timezone.now(), status=0, duration_us=0)
    trace = found.trace
    return UsageRecord(
        request_id=trace.request_id,
        at=found.at,
        version_id=trace.version_id,
        operation=trace.operation,
        path=trace.path,
        organization_id=trace.organization,
        application_id=trace.application,
        credential_id=trace.credential,
        subscription_id=trace.subscription,
        plan_version_id=trace.plan,
        status=trace.status,
        code=trace.code,
        duration_us=max(0, trace.duration_us),
        upstream_us=max(0, trace.tries[-1].first_byte_us) if trace.tries else 0,
        request_bytes=trace.request_bytes,
        response_bytes=trace.response_bytes,
    )


def as_json(found: FoundTrace | None) -> dict[str, object] | None:
    """The trace as REST tells it, without what stands beside it already."""
    if found is None:
        return None
    told = msgspec.to_builtins(found.trace)
    return {name: told[name] for name in told if name not in _TOLD_BESIDE} | {"is_redacted": found.is_redacted}


def redacted(trace: CallTrace) -> CallTrace:
    """What its caller may know: no targets, nothing of the policies that an owner chose but the one that ended it."""
    return msgspec.structs.replace(
        trace,
        revision=0,
        slot=0,
        policies=[_redacted_policy(each) for each in trace.policies if _is_shown(each)],
        tries=[_redacted_try(each) for each in trace.tries],
        parts=[],
        span=None,
    )


def _is_shown(met: PolicyMet) -> bool:
    return not met.is_shadow and (met.kind in _KNOWN_STAGES or met.done in _ENDED_IT)


def _redacted_policy(met: PolicyMet) -> PolicyMet:
    return PolicyMet(met.kind, met.done, is_answer=met.is_answer)


def _redacted_try(made: Try) -> Try:
    return msgspec.structs.replace(made, target="", path="", arm="", span_id="")


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)
