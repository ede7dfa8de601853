"""Passages: what calls met on their way through a version, by the codes that the gateway gave and by the times it took.

Shares are of all calls, from roll-ups. The parts of the time are not in roll-ups: those of the service and of what is
beside it come from the newest records, those of policies from the newest traces; how many these are is told with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from django.db.models import Q

from apim.analytics import reading
from apim.analytics.figures import Ends, Spread
from apim.analytics.questions import Question
from apim.analytics.statements import Clause, fetch, meeting, summed, total, within
from apim.analytics.windows import Window
from apim.usage.models import KeptTrace
from apim.usage.records import Asked, record_log
from gateway_sync.trace_wire import CallTrace

RECORDS: Final = 1_000  # the newest of the version, whatever they called: so many are looked through at any traffic
TRACES: Final = 200
_STAGES: Final = frozenset({
    "route", "ip-filter", "address", "key-auth", "jwt", "caller", "subscription", "limits", "size-limit",
    "concurrency-limit",
})  # fmt: skip
_decode = msgspec.json.Decoder(CallTrace).decode


@dataclass(frozen=True, slots=True)
class Sample:
    """How long some calls took. Units: microseconds."""

    us: Sequence[int] = ()

    @property
    def calls(self) -> int:
        """How many they are."""
        return len(self.us)

    @property
    def p95_ms(self) -> float | None:
        """The milliseconds that 95 of 100 of them stayed within; None of none."""
        return sorted(self.us)[math.ceil(0.95 * len(self.us)) - 1] / 1_000 if self.us else None


@dataclass(frozen=True, slots=True)
class Passage:
    """What calls met.

    Shapes: codes are those of the gateway by their number of calls; whole has all calls that were timed; service is
    until answers began, beside the rest of these calls; admission is all that is decided before policies act on the
    message, by_kind what those took, on the answer included; shadows are (tried, would be refused) by kind; replayable
    are (request id, status) of the newest traces.
    """

    ends: Ends
    codes: Mapping[str, int]
    whole: Spread
    service: Sample = Sample()
    beside: Sample = Sample()
    admission: Sample = Sample()
    by_kind: Mapping[str, Sample] = field(default_factory=dict)
    shadows: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    replayable: Sequence[tuple[str, int]] = ()

    @property
    def calls(self) -> int:
        """All of them."""
        return self.ends.calls


def passage(question: Question, window: Window) -> Passage:
    """What calls of versions met in one environment. Six queries, whose answers do not grow with the calls."""
    service, beside = _of_records(question, window)
    traces = _traces(question, window)
    return Passage(
        ends=reading.totals(question, window.now()),
        codes=_codes(question, window),
        whole=reading.spread(question, window.now()),
        service=service,
        beside=beside,
        admission=Sample([took for trace in traces if (took := _in_admission(trace)) is not None]),
        by_kind=_by_kind(traces),
        shadows=_shadows(question, window),
        replayable=[(trace.request_id, trace.status) for trace in traces],
    )


def _codes(question: Question, window: Window) -> dict[str, int]:
    errors = Clause("status >= 400 AND code <> ''")
    where = within(window.now().coarse()), meeting(question.of_calls()), errors
    return dict(fetch(summed("usage_usagerollup", ("code",), [total("calls")], *where)))


def _shadows(question: Question, window: Window) -> dict[str, tuple[int, int]]:
    refused = total("calls", Clause("done = 'refused'"))
    where = within(window.now().coarse()), meeting(question.of_latencies())
    rows = fetch(summed("usage_shadowrollup", ("kind",), [total("calls"), refused], *where))
    return {kind: (tried, would_be) for kind, tried, would_be in rows}


def _of_records(question: Question, window: Window) -> tuple[Sample, Sample]:
    """The time of the service and the rest of the same calls, of those that it answered."""
    asked = Asked({"version_id": question.version_ids or []}, window.since, window.until)
    answered = [
        record
        for record in record_log().newest(asked, limit=RECORDS)
        if record.upstream_us and not record.is_indeterminate and record.environment_id == question.environment_id
        and question.operation in {None, record.operation}
    ]  # fmt: skip
    beside = [max(0, record.duration_us - record.upstream_us) for record in answered]
    return Sample([record.upstream_us for record in answered]), Sample(beside)


def _traces(question: Question, window: Window) -> list[CallTrace]:
    """The newest that are kept, the newest first."""
    found = Q(version_id__in=question.version_ids or [], environment_id=question.environment_id)
    if question.operation is not None:
        found &= Q(operation=question.operation)
    rows = KeptTrace.objects.filter(found, at__gte=window.since, at__lt=window.until).order_by("-at")
    return [_decode(body) for body in rows.values_list("body", flat=True)[:TRACES]]


def _in_admission(trace: CallTrace) -> int | None:
    """Microseconds; None where that was not measured."""
    told = [met.us for met in trace.policies if met.kind in _STAGES and not met.is_shadow and met.us >= 0]
    return sum(told) if told else None


def _by_kind(traces: Iterable[CallTrace]) -> dict[str, Sample]:
    found: dict[str, list[int]] = {}
    for trace in traces:
        took: dict[str, int] = {}
        for met in trace.policies:
            if met.us >= 0 and met.kind not in _STAGES:
                took[met.kind] = took.get(met.kind, 0) + met.us
        for kind, us in took.items():
            found.setdefault(kind, []).append(us)
    return {kind: Sample(us) for kind, us in found.items()}
