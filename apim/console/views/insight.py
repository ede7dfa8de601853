"""The further pages of analytics: errors, latency, consumers, the traffic map, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext

from apim.analytics import reading
from apim.analytics.errors import first_seen
from apim.analytics.figures import Ends
from apim.console.gate import publisher_page
from apim.console.insight import comparing, consumers, errors, flows, latencies, tables
from apim.console.insight.figures import latency, stamp, traffic
from apim.console.insight.filters import asked
from apim.console.insight.marks import happenings_in
from apim.console.insight.samples import failing_calls
from apim.console.views.analytics import answer

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def error_explorer(request: ConsoleRequest) -> HttpResponse:
    """Errors over time, by what they were, whom they hit, and some of them."""
    found = asked(request)
    steps = [
        step._replace(
            ends=Ends(0, *(getattr(step.ends, end) for end in ("rejected", "failed", "refused", "unreached")))
        )
        for step in reading.steps(found.question, found.window)
    ]
    whole = sum((step.ends for step in steps), Ends())
    is_one = found.question.status is not None and bool(found.api)
    first = first_seen(found.question) if is_one else None
    figures = [traffic(found, steps, happenings_in(found), gettext("Errors by where they come from"))]
    figures.append(errors.groups(found))
    if is_one:
        figures.append(tables.applications(found, hit=True))
    figures.append(failing_calls(found))
    context = {"first_seen": stamp(first) if first else "", "is_one": is_one, "errors": whole}
    return answer(request, "console/analytics/errors.html", found, figures, **context)


@publisher_page
def latency_page(request: ConsoleRequest) -> HttpResponse:
    """How long calls took: as a heat map, as percentiles, by operation."""
    found = asked(request)
    if not found.question.has_latency:
        return answer(request, "console/analytics/latency.html", found, [], is_unanswerable=True)
    spreads = reading.spreads(found.question, found.window)
    happenings = happenings_in(found)
    figures = [
        latencies.heat(found, spreads, happenings),
        latency(found, spreads, happenings, gettext("How long calls took")),
    ]
    if found.api:
        figures.append(latencies.by_operation(found))
    has_calls = any(each.calls for each in spreads)
    return answer(request, "console/analytics/latency.html", found, figures, has_calls=has_calls)


@publisher_page
def consumer_page(request: ConsoleRequest) -> HttpResponse:
    """Who calls, who calls more or less, who fell silent."""
    found = asked(request)
    callers, active, new = consumers.callers(found)
    figures = [callers]
    if not found.is_everything:
        figures.append(consumers.quiet(found))
    return answer(request, "console/analytics/consumers.html", found, figures, active=active, new=new)


@publisher_page
def map_page(request: ConsoleRequest) -> HttpResponse:
    """Which application calls which version, and what that calls."""
    found = asked(request)
    return answer(request, "console/analytics/map.html", found, flows.traffic_map(found))


@publisher_page
def compare_page(request: ConsoleRequest) -> HttpResponse:
    """Two versions, plans or times beside one another."""
    found = asked(request)
    both = comparing.sides(found, request.user)
    figures = comparing.compared(found, *both) if both else []
    kind = comparing.kind_of(found)
    return answer(
        request,
        "console/analytics/compare.html",
        found,
        figures,
        kind=kind,
        kinds=[
            (found.url("", kind=value, a=None, b=None), words, value == kind)
            for value, words in comparing.KINDS.items()
        ],
        choices=comparing.choices(found, request.user),
        first=found.params.get("a", ""),
        second=found.params.get("b", ""),
        a_from=found.params.get("a_from", ""),
        is_chosen=both is not None,
    )  # fmt: skip
