"""What a killed worker leaves of composite operations is told by the next one in its slot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from gateway_sync.runtime.composition_journal import OVER, REWRITE_BYTES, CompositionJournal

TOLD = ["POST /transfers of request r-1, called withdraw"]


def begin(journal: CompositionJournal) -> None:
    journal.note("begun", "r-1", "POST /transfers", "")
    journal.note("called", "r-1", "POST /transfers", "withdraw")


def killed(folder: Path, slot: int, boot: str) -> None:
    """A worker that is killed in the midst of a composite."""
    pid = os.fork()
    if pid == 0:
        begin(CompositionJournal(folder, slot, boot))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_what_was_left_is_told_once_whatever_its_process_was_called(tmp_path: Path) -> None:
    killed(tmp_path, 0, "a1")
    (tmp_path / "0.a1.fresh").write_text("cut off while it was written anew")
    (tmp_path / f"0.{os.getppid()}.composites").write_text('["begun", "r-2", "POST /x", ""]\n')  # lives, and wrote none
    following = CompositionJournal(tmp_path, 0, "a2")
    assert sorted(following.take_interrupted()) == [*TOLD, "POST /x of request r-2"]
    assert following.take_interrupted() == []
    following.close()
    assert list(tmp_path.iterdir()) == []


def test_two_boots_of_one_process_never_mix(tmp_path: Path) -> None:
    first = CompositionJournal(tmp_path, 0, "a1")
    begin(first)
    second = CompositionJournal(tmp_path, 0, "a2")
    second.note("begun", "r-9", "POST /other", "")
    assert second.take_interrupted() == []  # the first one lives
    first.note("undoing", "r-1", "POST /transfers", "withdraw")
    first.close()
    assert second.take_interrupted() == [f"{TOLD[0]}, undoing withdraw"]


def test_what_is_of_another_slot_is_left_alone(tmp_path: Path) -> None:
    killed(tmp_path, 1, "a1")
    assert CompositionJournal(tmp_path, 0, "a2").take_interrupted() == []


def test_a_worker_that_is_never_without_one_keeps_a_short_file(tmp_path: Path) -> None:
    journal = CompositionJournal(tmp_path, 0, "a1")
    begin(journal)
    longest = 0
    for number in range(20_000):
        journal.note("begun", f"r-1{number}", "POST /transfers", "")
        journal.note(OVER, f"r-1{number}", "POST /transfers", "")
        longest = max(longest, sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert longest < 2 * REWRITE_BYTES
    journal.close()
    assert CompositionJournal(tmp_path, 0, "a2").take_interrupted() == TOLD
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_its_worker_takes_along_meanwhile_is_not_missed(tmp_path: Path) -> None:
    (tmp_path / "0.a1.composites").symlink_to(tmp_path / "gone")  # listed, and cannot be opened
    assert CompositionJournal(tmp_path, 0, "a2").take_interrupted() == []
