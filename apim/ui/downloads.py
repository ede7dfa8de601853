"""Tables to download, as spreadsheets open them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence

from django.http import HttpResponse

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_response(name: str, headers: Sequence[object], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """The rows as a file: UTF-8 with a byte order mark, and no text that a spreadsheet would take for a formula."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response.write("\ufeff")  # without it spreadsheets take UTF-8 for something else
    writer = csv.writer(response)
    writer.writerow([plain(each) for each in headers])
    writer.writerows([plain(each) for each in row] for row in rows)
    return response


def plain(value: object) -> object:
    """The value; a text that begins as a formula does, with an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
