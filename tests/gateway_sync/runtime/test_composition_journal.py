"""What a killed worker leaves of composite operations is told by the next one in its slot."""

from __future__ import annotations

import os
from pathlib import Path

from gateway_sync.runtime.composition_journal import OVER, REWRITE_BYTES, CompositionJournal

TOLD = ["POST /transfers of request r-1, called withdraw"]


def begin(journal: CompositionJournal) -> None:
    journal.note("begun", "r-1", "POST /transfers", "")
    journal.note("called", "r-1", "POST /transfers", "withdraw")


def test_what_was_left_is_told_once_also_by_a_process_of_the_same_number(tmp_path: Path) -> None:
    begin(CompositionJournal(tmp_path, 0))
    following = CompositionJournal(tmp_path, 0)
    assert following.take_interrupted() == TOLD
    assert following.take_interrupted() == []
    following.close()
    assert list(tmp_path.iterdir()) == []


def test_what_lives_and_what_is_of_another_slot_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"0.{os.getppid()}.composites").write_text('["begun", "r-2", "POST /x", ""]\n')
    begin(CompositionJournal(tmp_path, 1))
    assert CompositionJournal(tmp_path, 0).take_interrupted() == []


def test_a_worker_that_is_never_without_one_keeps_a_short_file(tmp_path: Path) -> None:
    journal = CompositionJournal(tmp_path, 0)
    begin(journal)
    longest = 0
    for number in range(20_000):
        journal.note("begun", f"r-1{number}", "POST /transfers", "")
        journal.note(OVER, f"r-1{number}", "POST /transfers", "")
        longest = max(longest, sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert longest < 2 * REWRITE_BYTES
    assert CompositionJournal(tmp_path, 0).take_interrupted() == TOLD
    assert len(list(tmp_path.iterdir())) == 1
