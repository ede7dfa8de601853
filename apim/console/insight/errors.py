"""Errors: grouped by what they were, with their trend, whom they hit and since when."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext, pgettext

from apim.analytics import reading
from apim.analytics.figures import change_of
from apim.analytics.reading import ErrorGroup
from apim.console.insight.figures import Drawn, Figure, Link, note_of
from apim.console.insight.filters import NONE, Asked
from apim.console.insight.names import version_word
from apim.console.insight.tables import change_cell
from apim.ui.charts import sparkline

SHOWN = 20


def groups(asked: Asked) -> Figure:
    """The largest groups of errors, and the trend of each. Four queries, however many there are."""
    now = reading.top_errors(asked.question, asked.window.now(), SHOWN)
    shown = list(now)
    before = reading.error_totals(asked.question, asked.window.before(), shown) if shown else {}
    lines = reading.error_steps(asked.question, asked.window, shown) if shown else {}
    callers = reading.error_callers(asked.question, asked.window.now(), shown) if shown else {}
    return Figure(
        key="groups",
        title=gettext("Errors by what they were"),
        note=note_of(asked, gettext("Calls, beside as long a time before")),
        headers=[
            gettext("Error"), pgettext("an error", "From"), gettext("Version"), gettext("Operation"), gettext("Calls"),
            gettext("Change %"), gettext("Applications hit"), gettext("Trend"),
        ],
        rows=[
            [
                Link(words(group), _url(asked, group)),
                gettext("gateway") if group.code else gettext("service"),
                version_word(asked.versions, group.version_id),
                group.operation or gettext("none"),
                now[group],
                change_cell(change_of(now[group], before.get(group))),
                callers.get(group, 0),
                Drawn(" ".join(map(str, lines[group])), sparkline(lines[group], gettext("Trend"))),
            ]
            for group in shown
        ],
        empty=gettext("No call was refused or failed in this time."),
    )  # fmt: skip


def words(group: ErrorGroup) -> str:
    """An error in a few words."""
    return f"{group.status} {group.code}".strip()


def _url(asked: Asked, group: ErrorGroup) -> str:
    """The explorer narrowed to the group."""
    version = asked.versions.get(group.version_id)
    named = {"api": version.api, "version": version.name} if version else {"api": NONE}
    narrowed: dict[str, str | None] = {
        **named, "operation": group.operation or NONE, "status": str(group.status), "code": group.code or NONE,
    }  # fmt: skip
    return asked.url(reverse("console:analytics-errors"), **narrowed)
