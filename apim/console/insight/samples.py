"""Single calls that answer a question: from the records of identified callers, and the traces of the others."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext

from apim.analytics.questions import Question
from apim.console.insight.figures import Figure, Link
from apim.console.insight.filters import Asked
from apim.console.insight.names import version_word
from apim.ui.templatetags.formats import duration_us
from apim.usage.models import KeptTrace, UsageRecord

SHOWN = 12
_FIRST_ERROR = 400


def failing_calls(asked: Asked) -> Figure:
    """The newest calls that ended with 400 and above; each leads to its explanation. Two queries."""
    window, question = asked.window, asked.question
    within = Q(at__gte=window.since, at__lt=window.until, status__gte=_FIRST_ERROR)
    columns = ("at", "status", "code", "version_id", "operation", "duration_us", "request_id")
    records = UsageRecord.objects.filter(within, _condition(question)).order_by("-at")
    rows = list(records.values_list(*columns)[:SHOWN])
    if not question.product_id and not question.plan_id and not question.application_id:
        traces = KeptTrace.objects.filter(within, _condition(question), application_id="").order_by("-at")
        rows = sorted([*rows, *traces.values_list(*columns)[:SHOWN]], reverse=True)[:SHOWN]
    return Figure(
        key="samples",
        title=gettext("The newest of these calls"),
        note=gettext("Calls with a key are kept for 7 days, explanations and other calls for an hour"),
        headers=[
            gettext("When (UTC)"), gettext("Status"), gettext("Problem"), gettext("Version"), gettext("Operation"),
            gettext("Took"), gettext("Request"),
        ],
        rows=[
            [
                f"{at:%Y-%m-%d %H:%M:%S}", str(status), code or gettext("the service's own"),
                version_word(asked.versions, version), operation, duration_us(took),
                Link(request_id, reverse("console:request", args=[request_id])),
            ]
            for at, status, code, version, operation, took, request_id in rows
        ],
        empty=gettext("None of these calls is kept any more, or none was made."),
    )  # fmt: skip


def _condition(question: Question) -> Q:
    """What records and traces of the question meet."""
    condition = question.condition() if question.product_id or question.plan_id else question.of_latencies()
    if question.status is not None:
        condition &= Q(status=question.status)
    if question.code is not None:
        condition &= Q(code=question.code)
    return condition
