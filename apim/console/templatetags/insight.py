"""What templates of analytics need: `{% load insight %}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString

from apim.console.insight.figures import Drawn, Link

if TYPE_CHECKING:
    from apim.console.insight.figures import Cell, Figure
    from apim.console.insight.filters import Asked

register = template.Library()


@register.simple_tag
def figure_rows(figure: Figure) -> SafeString:
    """A figure's table: numbers to the end with thousands apart, a dash for none, the first cell of a row a header.

    Each other cell says the name of its column, which phones show where rows are cards.
    """
    labels = [escape(header) for header, _is_number in figure.columns[1:]]
    rows = []
    for first, *others in figure.rows:  # one text, not a template's node each: there are hundreds of cells
        rows.append(f'<tr><th scope="row">{_text(first)}</th>')
        for label, cell in zip(labels, others, strict=True):
            kind = ' class="number"' if isinstance(cell, int | float) or cell is None else ""
            rows.append(f'<td{kind} data-label="{label}">{_text(cell)}</td>')
        rows.append("</tr>")
    return SafeString("".join(rows))


@register.simple_tag
def csv_url(asked: Asked, key: str) -> str:
    """Where the table of a figure is downloaded."""
    return asked.url("", csv=key)


@register.simple_tag
def analytics_url(asked: Asked, path: str) -> str:
    """Another page of analytics with the same filters."""
    return asked.url(path)


def _text(cell: Cell) -> str:
    """A cell's text as HTML."""
    if cell is None:
        return "\N{EN DASH}"
    if isinstance(cell, float):
        return f"{cell:,.2f}".rstrip("0").rstrip(".") if cell % 1 else f"{cell:,.0f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.url)}">{escape(cell.text)}</a>'
    return cell.picture if isinstance(cell, Drawn) else escape(cell)
