"""What templates of analytics need: `{% load insight %}`."""

from __future__ import annotations

from html import escape  # Django's own does the same, and asks each text first whether it is lazy
from typing import TYPE_CHECKING

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apim.console.insight.figures import Drawn, Link
from apim.listing import colon, comma
from apim.ui.templatetags.formats import ago, count, milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from apim.access.models import Application
    from apim.console.insight.figures import Cell, Figure
    from apim.console.insight.filters import Asked
    from apim.usage.reports import CallerUsage

_MS = "(ms)"  # ends the header of a column, or of a row, of durations

register = template.Library()


@register.simple_tag
def figure_rows(figure: Figure) -> SafeString:
    """A figure's table: numbers to the end with thousands apart, a dash for none, the first cell of a row a header.

    Each other cell says the name of its column, which phones show beside numbers; the one that rows are about stands
    there at the end of their first line.
    """
    labels = [escape(header) for header, _is_number in figure.columns[1:]]
    leading = figure.leading - 1
    rows = []
    times = [label.endswith(_MS) for label in labels]
    for first, *others in figure.rows:  # one text, not a template's node each: there are hundreds of cells
        rows.append(f'<tr><th scope="row">{_text(first)}</th>')
        is_of_times = type(first) is str and first.endswith(_MS)  # but for the change, which is its last cell
        for place, (label, cell) in enumerate(zip(labels, others, strict=True)):
            is_time = times[place] or (is_of_times and place + 1 < len(others))
            text = f"{cell:,}" if type(cell) is int else _text(cell, is_time=is_time)  # most are
            if cell is None or isinstance(cell, (int, float)):
                end = " row__end" if place == leading else ""
                rows.append(f'<td class="number{end}" data-label="{label}">{text}</td>')
            else:
                rows.append(f'<td data-label="{label}">{text}</td>')
        rows.append("</tr>")
    return SafeString("".join(rows))


@register.simple_tag
def called_by(applications: Iterable[Application], calls: Mapping[str, CallerUsage]) -> SafeString:
    """Each application of a subscription with its calls and when the last one was, as items of a list."""
    between, behind = escape(comma()), escape(colon())
    silent = f'<span class="muted">{escape(gettext("no calls"))}</span>'
    items = []
    for each in applications:  # one text here as well: a page has hundreds of them
        usage = calls.get(each.pk)
        told = f"{count(usage.calls)}{between}{ago(usage.last_call_at)}" if usage is not None else silent
        items.append(f"<li>{escape(str(each))}{behind}{told}</li>")
    return SafeString("".join(items))


@register.simple_tag
def csv_url(asked: Asked, key: str) -> str:
    """Where the table of a figure is downloaded."""
    return asked.url("", csv=key)


@register.simple_tag
def analytics_url(asked: Asked, path: str) -> str:
    """Another page of analytics with the same filters."""
    return asked.url(path)


def _text(cell: Cell, *, is_time: bool = False) -> str:
    """A cell's text as HTML. Shapes: is_time = below a header that says the unit."""
    if cell is None:
        return "\N{EN DASH}"
    if isinstance(cell, float):
        if is_time:
            return milliseconds(cell).removesuffix(" ms")
        if 0 < abs(cell) < 1:
            return f"{cell:.3g}"
        return f"{cell:,.2f}".rstrip("0").rstrip(".") if cell % 1 else f"{cell:,.0f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.url)}">{escape(cell.text)}</a>'
    return cell.picture if isinstance(cell, Drawn) else escape(str(cell))
