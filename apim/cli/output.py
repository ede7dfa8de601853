"""What goes to standard output: tables for people, JSON and YAML for programs. The rest goes to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
import yaml12
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH: Final = 500
_GAP: Final = "  "
_WORD: Final = 24


class Output(StrEnum):
    """Forms of output."""

    table = "table"
    json = "json"
    yaml = "yaml"


OutputOption = Annotated[
    Output | None,
    typer.Option("--output", "-o", help="table, json or yaml; table on a terminal, else what programs read."),
]


def chosen(output: Output | None, piped: Output = Output.json) -> Output:
    """The form asked for; without one, a table on a terminal and `piped` elsewhere."""
    return output or (Output.table if sys.stdout.isatty() else piped)


def print_value(value: object, output: Output) -> None:
    """value as JSON or YAML."""
    if output is Output.json:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
    else:
        typer.echo(yaml12.format_yaml(value).rstrip("\n"))


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], output: Output) -> None:
    """rows as a table of columns, or whole as JSON or YAML."""
    if output is not Output.table:
        print_value(list(rows), output)
        return
    heads = [column.replace("_", " ").upper() for column in columns]
    texts = [[cell(row.get(column)) for column in columns] for row in rows]
    if texts:
        console = _console()
        console.print(table_of(heads, texts, console.width))
    else:
        note("There are none.")


def table_of(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """A line for each row; where that would cut words, such as ids that are to be copied, a line for each cell.

    Shapes: width = columns of the terminal.
    """
    whole = [all(" " not in row[place] for row in rows) for place in range(len(heads))]
    least = sum(_least(head, [row[place] for row in rows], is_whole=whole[place]) for place, head in enumerate(heads))
    if least + len(_GAP) * (len(heads) - 1) > width:
        return _lines_of(heads, rows)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, len(_GAP), 0, 0))
    for head, is_whole in zip(heads, whole, strict=True):
        table.add_column(head, no_wrap=is_whole or width == PIPE_WIDTH, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def print_object(value: Mapping[str, Any], output: Output) -> None:
    """One object: a line for each field, or JSON or YAML."""
    if output is not Output.table:
        print_value(dict(value), output)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, inner in value.items():
        table.add_row(name.replace("_", " "), Text(cell(inner)))
    _console().print(table)


def note(message: str) -> None:
    """A line for people, on standard error."""
    typer.echo(printable(message), err=True)


def cell(value: object) -> str:
    """value in a table."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if any(isinstance(each, dict) for each in value):
            return "\n".join(_inline(each) for each in value)
        if value and all(isinstance(each, list) for each in value):
            return _steps(value)
        return ", ".join(cell(each) for each in value) or "-"
    return _inline(value)


def printable(text: str) -> str:
    """text without characters that steer a terminal: names and messages come from other people."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def _least(head: str, cells: Sequence[str], *, is_whole: bool) -> int:
    """How narrow a column may be: as wide as its longest word, of text at most _WORD."""
    if is_whole:
        return max(len(head), *(len(line) for each in cells for line in each.split("\n")))
    return min(_WORD, max(len(word) for each in (head, *cells) for word in each.split()))


def _lines_of(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            table.add_row("", "")
        for head, each in zip(heads, row, strict=True):
            table.add_row(head, Text(each))
    return table


def _inline(value: object) -> str:
    if isinstance(value, dict):
        return printable(", ".join(f"{name}={_inline(inner)}" for name, inner in value.items())) or "-"
    return printable(str(value))


def _steps(rows: list[list[Any]]) -> str:
    """A line for each row, its first words below one another."""
    width = max((len(_inline(row[0])) for row in rows if row), default=0)
    return "\n".join("  ".join([_inline(row[0]).ljust(width), *map(_inline, row[1:])]) for row in rows if row)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
