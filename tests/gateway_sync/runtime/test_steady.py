"""Which states ran well is known after a restart, and much memory is far more than workers took of those."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from gateway_sync.runtime.steady import KEPT, Steady

OWN = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_what_ran_well_is_remembered_by_the_next_supervisor(tmp_path: Path) -> None:
    assert not Steady(tmp_path).may_accuse("new")
    Steady(tmp_path).note("good", OWN)
    after = Steady(tmp_path)
    assert after.may_accuse("new")
    assert not after.may_accuse("good")


def test_the_latest_states_are_kept_and_no_more(tmp_path: Path) -> None:
    steady = Steady(tmp_path)
    for number in range(KEPT + 3):
        steady.note(str(number), 1)
    assert [steady.may_accuse(str(number)) for number in range(KEPT + 3)] == [True] * 3 + [False] * KEPT


def test_much_is_more_than_twice_of_what_workers_took_and_more_than_the_supervisor(tmp_path: Path) -> None:
    steady = Steady(tmp_path)
    steady.note("small", 1)
    assert not steady.is_much(OWN)
    steady.note("good", 100 * OWN)
    assert not steady.is_much(200 * OWN)
    assert steady.is_much(201 * OWN)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": "b"}', b"\xff"])
def test_a_damaged_file_says_nothing_and_is_written_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "steady.json").write_bytes(content)
    steady = Steady(tmp_path)
    assert not steady.may_accuse("new")
    steady.note("good", 1)
    assert Steady(tmp_path).may_accuse("new")


def test_a_full_disk_makes_it_last_until_a_restart(tmp_path: Path) -> None:
    steady = Steady(tmp_path / "not there")
    steady.note("good", 1)
    assert steady.may_accuse("new")
