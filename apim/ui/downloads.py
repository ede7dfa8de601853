"""Tables to download, as spreadsheets open them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from django.http import HttpResponse

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-\d+(\.\d+)?")


def csv_response(name: str, headers: Sequence[object], rows: Iterable[Sequence[object]]) -> HttpResponse:
    """The rows as a file of that name, whole in memory; what may be long is streamed from csv_lines."""
    response = HttpResponse(csv_lines(headers, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def csv_lines(headers: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a file with a byte order mark; no text in it is one that a spreadsheet would take for a formula."""
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow([plain(each) for each in headers])  # without it UTF-8 is taken for something else
    for row in rows:
        yield writer.writerow([plain(each) for each in row])


def plain(value: object) -> object:
    """The value; a text that begins as a formula does, with an apostrophe before it. Amounts below zero are none."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


class _Line:
    """A file for csv.writer that gives each line back."""

    def write(self, line: str) -> str:
        return line
