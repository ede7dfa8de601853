"""Cells with leases: what workers spend of what a supervisor holds, and by whose clock.

Promises B7, H24.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest

from gateway_sync.runtime.core.grants import cell_key
from gateway_sync.runtime.core.leases import UNCONFIRMED, WANTED
from gateway_sync.runtime.core.limits import BYTES, NS, Terms
from gateway_sync.runtime.leased_cells import LeasedCells, Wanted
from gateway_sync.runtime.limit_cells import LimitCells

SUBSCRIPTION = cell_key("sub_1")
MONTH = 6
HOUR_S = 3600
Clock = Callable[[int], int]


def held(home: Path, wanted: list[Wanted]) -> LeasedCells:
    """The cells of a host that is in contact."""
    home.mkdir(exist_ok=True)
    cells = LeasedCells(home, wanted.extend)
    cells.note_contact(time.monotonic_ns() + 60 * NS, is_made=True)
    cells.note_hosts(share=500_000, hosts=2, offset_ns=0)
    return cells


def test_workers_and_supervisor_see_one_lease_and_what_was_counted_alone_stays(tmp_path: Path) -> None:
    terms, now_ns = Terms("rate", None, ((10, "month"),)), time.time_ns()
    alone = LimitCells(tmp_path / "limits.2.map", is_shared=True)
    for _ in range(4):
        alone.charge([(SUBSCRIPTION, terms)], now_ns)
    alone.close()
    wanted: list[Wanted] = []
    worker, supervisor = held(tmp_path, wanted), LeasedCells(tmp_path)
    assert worker.charge([(SUBSCRIPTION, terms)], now_ns) == (WANTED, 0, b"")
    offset, position, limit, *_ = wanted[0]
    of, start, used, granted = supervisor.look_at(offset, position)
    assert (of, position, limit, used, granted) == (SUBSCRIPTION, MONTH, 10, 4, 0)
    supervisor.grant((offset, position), of, start, (6, 7), least=1, is_kept=False)
    charged = worker.charge([(SUBSCRIPTION, terms)], now_ns)
    assert charged is not None
    assert charged[0] == ""
    assert b"r=4;" in charged[2]  # ten, less five here and one at another host
    assert supervisor.void(offset, position) == (SUBSCRIPTION, start, 5)
    worker.is_last_word = True
    charged = worker.charge([(SUBSCRIPTION, terms)], now_ns)
    assert charged is not None
    assert (charged[0], b"apim-limits: degraded" in charged[2]) == (UNCONFIRMED, True)


def test_what_is_held_runs_out_by_the_monotonic_clock(tmp_path: Path) -> None:
    terms, now_ns, wanted = Terms("rate", None, ((10, "month"),)), time.time_ns(), list[Wanted]()
    cells = held(tmp_path, wanted)
    cells.charge([(SUBSCRIPTION, terms)], now_ns)
    of, start, *_ = cells.look_at(wanted[0][0], MONTH)
    cells.grant((wanted[0][0], MONTH), of, start, (10, 10), least=1, is_kept=False)
    cells.lose_contact()
    assert _code(cells, terms, now_ns) == ""
    assert _code(cells, terms, now_ns - HOUR_S * NS) == ""  # its wall clock goes back: the same window, the same lease
    cells.note_contact(time.monotonic_ns() - 1, is_made=False)
    assert _code(cells, terms, now_ns) == UNCONFIRMED


def test_what_the_mirror_knows_is_spent_without_anybody_and_after_a_restart(tmp_path: Path) -> None:
    terms, now_ns, wanted = Terms("rate", None, ((10, "month"),)), time.time_ns(), list[Wanted]()
    cells = held(tmp_path, wanted)
    cells.charge([(SUBSCRIPTION, terms)], now_ns)
    offset = wanted[0][0]
    _, start, *_ = cells.look_at(offset, MONTH)
    cells.grant((offset, MONTH), SUBSCRIPTION, start, (6, 10), least=1, is_kept=True)
    cells.confirm(offset, SUBSCRIPTION, MONTH, start, 4)
    cells.note_contact(time.monotonic_ns() + 3600 * NS, is_made=False)  # as a machine's clock before its start would
    again = LeasedCells(tmp_path)
    again.begin(10 * NS)
    codes = [_code(again, terms, now_ns) for _ in range(5)]
    assert codes == ["", "", "", "", UNCONFIRMED]
    assert [found for some in again.held(0) for found in some] == [
        (offset, True, (SUBSCRIPTION, MONTH, start, 6, ANY))
    ]  # fmt: skip
    # In the next epoch it declares what it keeps: what it used, or the mirror knows.
    assert [(kept, count[3]) for some in again.void_all(0) for _, kept, count in some] == [(True, 4)]


def test_bytes_are_counted_when_the_answer_has_ended_and_asked_for_at_once(tmp_path: Path) -> None:
    terms, now_ns, wanted = Terms("rate", None, ((1000, "month"),), unit=BYTES), time.time_ns(), list[Wanted]()
    cells = held(tmp_path, wanted)
    charges = [(SUBSCRIPTION, terms)]
    assert cells.charge(charges, now_ns, 80) == (WANTED, 0, b"")
    offset, _, limit, _, least, *_ = wanted[0]
    _, start, *_ = cells.look_at(offset, MONTH)
    assert (limit, least) == (1000, 80)
    cells.grant((offset, MONTH), SUBSCRIPTION, start, (100, 100), least=80, is_kept=False)
    charged = cells.charge(charges, now_ns, 80)
    assert charged is not None
    assert b'"month-bytes";q=1000;qu="content-bytes";w=' in charged[2]
    wanted.clear()
    cells.settle(charges, now_ns, (0, 80, 0), (200, 80, 500))
    assert cells.look_at(offset, MONTH)[2] == 580
    assert [each[:3] for each in wanted] == [(offset, MONTH, 1000)]
    cells.settle(charges, now_ns - 40 * 86_400 * NS, (0, 80, 0), (200, 80, 500))  # of a window that is over
    assert cells.look_at(offset, MONTH)[2] == 580


@pytest.mark.parametrize("off_s", [-90, 90])
def test_a_host_whose_clock_is_wrong_counts_in_the_window_of_all(tmp_path: Path, off_s: int) -> None:
    terms = Terms("rate", None, ((10, "hour"),))
    true_ns = (time.time_ns() // (HOUR_S * NS) * HOUR_S + 30) * NS  # half a minute into an hour
    if off_s > 0:
        true_ns -= 60 * NS  # half a minute before it
    starts = []
    for name, own_ns, offset_ns in (("right", true_ns, 0), ("wrong", true_ns + off_s * NS, -off_s * NS)):
        wanted: list[Wanted] = []
        cells = held(tmp_path / name, wanted)
        cells.note_hosts(share=500_000, hosts=2, offset_ns=offset_ns)
        cells.charge([(SUBSCRIPTION, terms)], own_ns)
        starts.append(cells.look_at(wanted[0][0], wanted[0][1])[1])
    assert starts[0] == starts[1]


def _code(cells: LeasedCells, terms: Terms, now_ns: int) -> str:
    charged = cells.charge([(SUBSCRIPTION, terms)], now_ns)
    return "" if charged is None else charged[0]
