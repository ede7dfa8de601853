"""Errors: grouped by what they were, with their trend, whom they hit and since when."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext, pgettext

from apim.analytics.errors import ErrorGroup, details, top_errors
from apim.analytics.figures import change_of
from apim.console.insight.figures import Drawn, Figure, Link, note_of
from apim.console.insight.filters import NONE, Asked
from apim.console.insight.names import version_word
from apim.console.insight.tables import change_cell
from apim.ui.charts import sparkline

SHOWN = 20


def groups(asked: Asked) -> Figure:
    """The largest groups of errors, and the trend of each. At most four queries, however many there are."""
    now = top_errors(asked.question, asked.window.now(), asked.rows_of("groups", SHOWN))
    shown = list(now)
    told = details(asked.question, asked.window, shown)
    path = reverse("console:analytics-errors")
    return Figure(
        key="groups",
        title=gettext("Errors by what they were"),
        word=gettext("Kinds of errors"),
        note=note_of(asked, gettext("Calls, beside as long a time before")),
        headers=[
            gettext("Error"), pgettext("an error", "From"), gettext("Version"), gettext("Operation"), gettext("Calls"),
            gettext("Change %"), gettext("Applications hit"), gettext("Trend"),
        ],
        rows=[
            [
                Link(words(group), _url(asked, path, group)),
                gettext("gateway") if group.code else gettext("service"),
                version_word(asked.versions, group.version_id),
                group.operation or gettext("none"),
                now[group],
                change_cell(change_of(now[group], told[group].before)),
                told[group].callers,
                Drawn(" ".join(map(str, told[group].steps)), sparkline(told[group].steps, gettext("Trend"))),
            ]
            for group in shown
        ],
        empty=gettext("No call was refused or failed in this time."),
    )  # fmt: skip


def words(group: ErrorGroup) -> str:
    """An error in a few words."""
    return f"{group.status} {group.code}".strip()


def _url(asked: Asked, path: str, group: ErrorGroup) -> str:
    """The explorer narrowed to the group."""
    version = asked.versions.get(group.version_id)
    named = {"api": version.api, "version": version.name} if version else {"api": NONE}
    narrowed: dict[str, str | None] = {
        **named, "operation": group.operation or NONE, "status": str(group.status), "code": group.code or NONE,
    }  # fmt: skip
    return asked.url(path, **narrowed)
