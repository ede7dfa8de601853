"""Access records are believed when the control plane signed them, and compared with what it has (R7, H25)."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from gateway_sync.runtime.access_file import record_name
from gateway_sync.runtime.access_state import AccessPage
from gateway_sync.runtime.keeper import Keeper, Taken
from gateway_sync.runtime.updates import Update
from gateway_sync.snapshot import AccessCheck, TableDigest
from tests.wire.gateways import Home, Record, make_snapshot, make_version

REVOKED: list[Record] = [("organization", "org_1", None)]
GIVEN: list[Record] = [("credential", "f" * 64, {"id": "crd_9", "application": "app_1"})]
FORGED, DRIFTED = "access.E002", "access.E003"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The keys of a control plane."""
    return Home(tmp_path)


@pytest.fixture
def keeper(home: Home) -> Keeper:
    """A gateway that knows four records, up to number 7."""
    keeper = Keeper(home.state, home.credentials())
    keeper.take(Update("default", home.page(0, 7, home.records(), is_full=True)), is_pushed=False)
    return keeper


def unsigned(after: int, upto: int, records: list[Record]) -> AccessPage:
    """A page as anybody can write it."""
    return AccessPage(after, upto, records=msgspec.Raw(msgspec.json.encode(records)))


def push(keeper: Keeper, page: AccessPage) -> Taken:
    """What a message on the channel changes."""
    return keeper.take(Update("default", page), is_pushed=True)


@pytest.mark.parametrize("records", [REVOKED, GIVEN])
def test_what_is_forged_on_the_push_channel_is_not_taken_and_told(
    home: Home, keeper: Keeper, tmp_path: Path, records: list[Record]
) -> None:
    others = Home(tmp_path / "others").page(7, 8, records)
    good = home.page(7, 8, records)
    changed = msgspec.structs.replace(good, records=msgspec.Raw(msgspec.json.encode(GIVEN + REVOKED)))
    moved = msgspec.structs.replace(good, upto=9)
    for page in (unsigned(7, 8, records), others, changed, moved, msgspec.structs.replace(good, signature="AAAA")):
        keeper.problems.clear()
        assert push(keeper, page).is_nothing
        assert FORGED in keeper.problems
        assert keeper.access.seq == 7
        assert keeper.access.find("organization", "org_1") == {"state": "active"}
        assert keeper.access.find("credential", "f" * 64) is None
    assert push(keeper, good).upto == 8


def test_a_page_of_another_environment_is_not_taken(home: Home, keeper: Keeper) -> None:
    page = home.page(7, 8, REVOKED)
    other = Keeper(home.state, msgspec.structs.replace(home.credentials(), environment="staging"))
    assert push(other, page).is_nothing
    assert FORGED in other.problems


@pytest.mark.parametrize("seed", range(8))
def test_genuine_pushes_that_are_sent_again_in_any_order_change_nothing_and_are_not_told(
    home: Home, keeper: Keeper, seed: int
) -> None:
    """A push bears no time; an old one can do nothing, for numbers only rise."""
    pushes = []
    for number in range(7, 13):
        body = {"id": "crd_9", "application": "app_1", "state": "revoked" if number % 2 else "active"}
        manifest, fragments = home.sign(make_snapshot([make_version(9101, timeout_ms=1000 * number)]))
        page = home.page(number, number + 1, [("credential", "f" * 64, body)])
        pushes.append(Update("default", page, manifest, fragments))
        keeper.take(pushes[-1], is_pushed=True)
    before = keeper.access.seq, keeper.access.find("credential", "f" * 64), keeper.manifest, keeper.generation
    assert before[0] == 13
    for again in Random(seed).choices(pushes, k=20):  # noqa: S311 - an order
        assert keeper.take(again, is_pushed=True).is_nothing
    after = keeper.access.seq, keeper.access.find("credential", "f" * 64), keeper.manifest, keeper.generation
    assert after == before
    assert keeper.problems == {}


def test_an_answer_that_is_signed_wrongly_is_refused(keeper: Keeper, tmp_path: Path) -> None:
    forged = Home(tmp_path / "others").page(7, 8, REVOKED)
    assert keeper.take(Update("default", forged), is_pushed=False).is_refused
    assert keeper.access.seq == 7
    assert FORGED in keeper.problems


def test_beside_a_control_plane_that_signs_none_pushes_are_asked_for_and_answers_taken(home: Home) -> None:
    """One of the release before."""
    keeper = Keeper(home.state, home.credentials())
    full = msgspec.structs.replace(unsigned(0, 7, home.records()), is_full=True)
    keeper.take(Update("default", full), is_pushed=False)
    assert push(keeper, unsigned(7, 8, REVOKED)).is_incomplete
    assert keeper.access.seq == 7
    assert keeper.take(Update("default", unsigned(7, 8, REVOKED)), is_pushed=False).upto == 8
    assert keeper.problems == {}


def test_records_of_another_shape_are_refused_whole(home: Home, keeper: Keeper) -> None:
    page = home.page(7, 8, [("organization", "org_1", 5)])  # type: ignore[list-item]
    assert keeper.take(Update("default", page), is_pushed=False).is_refused
    assert keeper.access.seq == 7


def digest_of(records: list[Record]) -> str:
    """As the control plane makes it of its rows."""
    found = TableDigest()
    for kind, key, body in records:
        found.add(record_name(kind, key), dict(reversed(list(body.items()))) if body is not None else None)
    return found.text()


def compared(home: Home, keeper: Keeper, digest: str, *times: int) -> None:
    """The control plane tells digests that it took then, and what is asked for is answered."""
    for at in times:
        check = AccessCheck(keeper.access.seq, digest, at)
        asked = msgspec.json.decode(keeper.ask(0))["access_seq"]
        page = home.page(asked, keeper.access.seq, home.records() if asked == 0 else [], is_full=asked == 0)
        keeper.take(Update("default", page, access_check=check), is_pushed=False)


def counted(keeper: Keeper) -> None:
    """The records of the file are counted, beside all else."""
    counting = keeper._records._sum.begin()
    if counting is not None:
        counting.join()


def test_records_that_are_the_same_are_found_the_same_after_any_changes(home: Home, keeper: Keeper) -> None:
    counted(keeper)
    push(keeper, home.page(7, 8, REVOKED))
    push(keeper, home.page(8, 9, GIVEN))
    push(keeper, home.page(9, 10, [(kind, key, {"id": "crd_10"}) for kind, key, _ in GIVEN]))
    rest = [each for each in home.records() if each[0] != "organization"]
    expected = digest_of([*rest, ("credential", "f" * 64, {"id": "crd_10"})])
    compared(home, keeper, expected, 1, 2, 3)
    assert DRIFTED not in keeper.problems
    again = Keeper(home.state, home.credentials())  # from the file and the log beside it
    counted(again)
    compared(home, again, expected, 4, 5)
    assert again.problems == {}


def test_records_that_drifted_are_told_and_asked_for_anew_until_they_are_the_same(home: Home, keeper: Keeper) -> None:
    counted(keeper)
    push(keeper, home.page(7, 8, REVOKED))  # as a gateway that missed something, or a row that was changed by hand
    expected = digest_of(home.records())
    compared(home, keeper, expected, 1)
    assert DRIFTED not in keeper.problems
    compared(home, keeper, expected, 2)
    assert DRIFTED in keeper.problems
    assert msgspec.json.decode(keeper.ask(0))["access_seq"] == 0
    compared(home, keeper, expected, 3)
    assert keeper.access.find("organization", "org_1") == {"state": "active"}
    counted(keeper)
    compared(home, keeper, expected, 5)
    assert DRIFTED not in keeper.problems
    assert msgspec.json.decode(keeper.ask(0))["access_seq"] == 8


def test_what_asking_anew_does_not_mend_is_not_asked_for_again_at_once(home: Home, keeper: Keeper) -> None:
    counted(keeper)
    compared(home, keeper, "1:" + "0" * 32, 1, 2, 3)
    counted(keeper)
    compared(home, keeper, "1:" + "0" * 32, 4, 5, 6)
    assert msgspec.json.decode(keeper.ask(0))["access_seq"] == 7
    assert DRIFTED in keeper.problems


def test_a_push_tells_no_digests(home: Home, keeper: Keeper) -> None:
    counted(keeper)
    for at in (1, 2, 3):
        keeper.take(Update("default", home.page(7, 7), access_check=AccessCheck(7, "1:0", at)), is_pushed=True)
    assert keeper.problems == {}
