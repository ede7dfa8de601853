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
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " ").upper(), no_wrap=not sys.stdout.isatty(), overflow="fold")
    count = 0
    for row in rows:
        table.add_row(*(Text(cell(row.get(column))) for column in columns))
        count += 1
    if count:
        _console().print(table)
    else:
        note("There are none.")


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
