"""What templates of analytics need: `{% load insight %}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from apim.console.insight.figures import Drawn, Link

if TYPE_CHECKING:
    from apim.console.insight.figures import Cell
    from apim.console.insight.filters import Asked

register = template.Library()


@register.simple_tag
def figure_cell(cell: Cell, is_first: bool = False) -> SafeString:  # noqa: FBT001, FBT002 - as templates call it
    """A cell of a figure's table: numbers to the end with thousands apart, a dash for none, the first one a header."""
    text = _text(cell)
    if is_first:
        return format_html('<th scope="row">{}</th>', text)
    if isinstance(cell, int | float) or cell is None:
        return format_html('<td class="number">{}</td>', text)
    return format_html("<td>{}</td>", text)


@register.simple_tag
def csv_url(asked: Asked, key: str) -> str:
    """Where the table of a figure is downloaded."""
    return asked.url("", csv=key)


@register.simple_tag
def analytics_url(asked: Asked, path: str) -> str:
    """Another page of analytics with the same filters."""
    return asked.url(path)


def _text(cell: Cell) -> SafeString:
    if cell is None:
        return SafeString("\N{EN DASH}")
    if isinstance(cell, Link):
        return format_html('<a href="{}">{}</a>', cell.url, cell.text)
    if isinstance(cell, Drawn):
        return cell.picture
    if isinstance(cell, float):
        return conditional_escape(f"{cell:,.2f}".rstrip("0").rstrip(".") if cell % 1 else f"{cell:,.0f}")
    return conditional_escape(f"{cell:,}" if isinstance(cell, int) else cell)
