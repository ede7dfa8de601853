"""Single calls that answer a question: from the records of identified callers, and the traces of the others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.analytics.questions import Question, condition
from apim.console.insight.figures import Figure, Link
from apim.console.insight.filters import Asked
from apim.console.insight.names import version_word
from apim.products.models import PlanVersion
from apim.usage.models import KeptTrace
from apim.usage.records import Asked as Records
from apim.usage.records import record_log
from apim.usage.records.asked import FIRST_ERROR

SHOWN = 12
_LAST_STATUS = 999


def failing_calls(asked: Asked) -> Figure:
    """The newest calls that ended with 400 and above; each leads to its explanation. Two queries."""
    window, question, number = asked.window, asked.question, asked.rows_of("samples", SHOWN)
    columns = ("at", "status", "code", "version_id", "operation", "duration_us", "request_id")
    records = record_log().newest(_records_asked(asked), limit=number)
    rows = [tuple(getattr(record, column) for column in columns) for record in records]
    if not question.product_id and not question.plan_id and not question.application_id:
        within = Q(at__gte=window.since, at__lt=window.until, status__gte=FIRST_ERROR)
        traces = KeptTrace.objects.filter(within, _condition(question), application_id="").order_by("-at")
        rows = sorted([*rows, *traces.values_list(*columns)[:number]], reverse=True)[:number]
    return Figure(
        key="samples",
        title=gettext("The newest calls that were refused or failed"),
        word=gettext("Newest errors"),
        note=gettext("Calls with a key are kept for 7 days, explanations and other calls for an hour"),
        headers=[
            gettext("When (UTC)"), gettext("Status"), gettext("Problem"), gettext("Version"), gettext("Operation"),
            gettext("Took (ms)"), gettext("Request"),
        ],
        rows=[
            [
                f"{at:%Y-%m-%d %H:%M:%S}", str(status), code or gettext("the service's own"),
                version_word(asked.versions, version), operation, took / 1_000,
                Link(request_id, reverse("console:request", args=[request_id])),
            ]
            for at, status, code, version, operation, took, request_id in rows
        ],
        empty=gettext("None of these calls is kept any more, or none was made."),
    )  # fmt: skip


def _records_asked(asked: Asked) -> Records:
    """The records that ended with 400 and above, of the question."""
    window, question = asked.window, asked.question
    one_of = {
        "environment_id": question.environment_id, "application_id": question.application_id,
        "operation": question.operation, "code": question.code,
    }  # fmt: skip
    among: dict[str, Collection[str] | QuerySet[Any]] = {}
    among |= {column: [value] for column, value in one_of.items() if value is not None}
    if question.version_ids is not None:
        among["version_id"] = question.version_ids
    if question.product_id:
        held = Subscription.objects.filter(product_id=question.product_id)
        among["subscription_id"] = held.values_list("id", flat=True)
    if question.plan_id:
        versions = PlanVersion.objects.filter(plan_id=question.plan_id)
        among["plan_version_id"] = versions.values_list("id", flat=True)
    last = _LAST_STATUS if question.status is None else question.status
    first = FIRST_ERROR if question.status is None else max(FIRST_ERROR, question.status)
    return Records(among, window.since, window.until, statuses=((first, last),))


def _condition(question: Question) -> Q:
    """What traces of the question meet."""
    finer = {"status": question.status, "code": question.code}
    return condition({**question.of_latencies(), **{name: value for name, value in finer.items() if value is not None}})
