"""How values stand in tables."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from apim.cli.output import cell, table_of

HEADS = ["ID", "STATE", "LAST USED AT", "REASON"]
ROWS = [
    ["crd_1m821c5gz5ttrp2da8g4", "active", "2026-11-22T16:31:19.479916Z", "it was rolled and nobody uses it any more"],
    ["crd_1m8hnmnarn43tdm2g9b3", "revoked", "-", "-"],
]


def printed(width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(table_of(HEADS, ROWS, width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]  # a StringIO


def test_a_row_is_a_line_where_it_fits_and_text_alone_is_broken() -> None:
    wide = printed(140)
    assert [line.split()[0] for line in wide] == ["ID", *(row[0] for row in ROWS)]
    narrow = printed(90)
    assert [line.split()[0] for line in narrow if not line.startswith(" ")] == ["ID", *(row[0] for row in ROWS)]
    assert ROWS[0][2] in narrow[1]
    assert len(narrow) > len(wide)


def test_on_a_narrow_terminal_a_cell_is_a_line_and_no_id_is_cut() -> None:
    lines = printed(60)
    assert lines[0].split() == ["ID", ROWS[0][0]]
    assert lines[2].split() == ["LAST", "USED", "AT", ROWS[0][2]]
    assert f"ID            {ROWS[1][0]}" in lines


def test_steps_of_a_trace_stand_below_one_another_in_their_order() -> None:
    assert cell([["route", "GET /accounts"], ["key", "crd_1"]]) == "route  GET /accounts\nkey    crd_1"


def test_plain_lists_stay_on_one_line() -> None:
    assert cell(["a", "b"]) == "a, b"
    assert cell([]) == "-"
