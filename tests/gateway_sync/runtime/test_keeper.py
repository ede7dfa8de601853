"""The state of a gateway on disk: what is believed, in which order, what a damaged disk leaves.

Promises R3, R4, C5, C8, H25, H27.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import pytest

from gateway_sync.runtime.access_file import AccessFile, encode_records, record_name, write_access_file
from gateway_sync.runtime.access_state import AccessPage, AccessState
from gateway_sync.runtime.generations import read_generation
from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.updates import Update, decode_update
from gateway_sync.snapshot import (
    MAX_PATH_CHARACTERS,
    MAX_ROUTES_A_VERSION,
    MAX_TARGETS_A_VERSION,
    Manifest,
    Route,
    TrialOffer,
    Version,
    acceptance,
    change_between,
    digest,
    signed_bytes,
    with_change,
)
from tests.wire.gateways import KEY, Home, make_snapshot, make_version

ROUTE = Route("GET /a", "GET", "/a", ())
SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 1000))]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The keys of a control plane."""
    return Home(tmp_path)


def keeper_of(home: Home) -> Keeper:
    """A keeper as at the start of a gateway."""
    return Keeper(home.state, home.credentials())


def state(home: Home, timeout_ms: int, access: AccessPage | None = None) -> Update:
    """The next revision, told from others by its timeout."""
    manifest, fragments = home.sign(make_snapshot([make_version(9101, timeout_ms=timeout_ms)]))
    return Update("default", access or home.page(0, 0), manifest, fragments)


def page(home: Home, after: int, upto: int, **changes: object) -> AccessPage:
    """A page with the records of one key."""
    return home.page(after, upto, records=home.records(), **changes)  # type: ignore[arg-type]


def revision_of(keeper: Keeper) -> int:
    """The revision in force."""
    return keeper.manifest.revision if keeper.manifest else 0


def test_state_is_taken_and_found_again_after_a_restart(home: Home) -> None:
    taken = keeper_of(home).take(state(home, 1000, page(home, 0, 7, is_full=True)), is_pushed=False)
    assert taken.generation is not None
    assert taken.access_file is not None
    again = keeper_of(home)
    assert (revision_of(again), again.access.seq) == (1, 7)
    assert again.access.find("application", "app_1") == {"organization": "org_1", "state": "active", "name": "shop"}
    assert [key for key, _ in again.access.subscriptions_of("app_1")] == ["sub_1"]


def test_changes_are_kept_beside_the_file_and_a_torn_line_is_passed_over(home: Home) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000, page(home, 0, 7, is_full=True)), is_pushed=False)
    key = home.hash_of("other")
    keeper.take(Update("default", home.page(7, 8, records=[("credential", key, {"id": "crd_2"})])), is_pushed=True)
    keeper.take(Update("default", home.page(8, 9, records=[("organization", "org_1", None)])), is_pushed=True)
    assert keeper.access_file is not None
    log = keeper.access_file.with_suffix(".log")
    log.write_bytes(log.read_bytes()[:-9])
    again = keeper_of(home)
    assert again.access.seq == 8
    assert again.access.find("credential", key) == {"id": "crd_2"}
    assert again.access.find("organization", "org_1") is not None


def test_push_that_shows_a_gap_changes_nothing_and_asks_for_a_pull(home: Home) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000, page(home, 0, 7, is_full=True)), is_pushed=False)
    taken = keeper.take(Update("default", home.page(9, 10, records=[("organization", "org_1", None)])), is_pushed=True)
    assert taken.is_incomplete
    assert keeper.access.seq == 7
    missing = state(home, 2000)
    assert keeper.take(Update("default", home.page(7, 7), missing.manifest, {}), is_pushed=True).is_incomplete
    assert revision_of(keeper) == 1


def test_a_change_is_put_on_the_state_it_follows_and_on_no_other(home: Home) -> None:
    keeper, late = keeper_of(home), Keeper(home.state.with_name("late"), home.credentials())
    first, second, third = state(home, 1000), state(home, 2000), state(home, 3000)
    keeper.take(first, is_pushed=False)
    assert second.manifest is not None
    assert first.manifest is not None
    assert third.manifest is not None
    change = change_between(first.manifest.fragments, second.manifest.fragments)
    told = Update(
        "default", home.page(7, 7), replace(second.manifest, fragments={}),
        {digest: second.fragments[digest] for digest in change.changed.values()}, first.manifest.digest, change,
    )  # fmt: skip
    assert keeper.take(told, is_pushed=True).generation is not None
    assert (revision_of(keeper), keeper.manifest) == (second.manifest.revision, second.manifest)
    assert late.take(told, is_pushed=True).is_incomplete
    assert late.take(told, is_pushed=False).is_refused
    assert late.manifest is None
    forged = msgspec.structs.replace(
        told, manifest=replace(third.manifest, fragments={}), base_digest=second.manifest.digest
    )
    assert keeper.take(forged, is_pushed=True).is_refused
    assert revision_of(keeper) == second.manifest.revision


def test_push_says_nothing_of_trials(home: Home) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000), is_pushed=False)
    tried = state(home, 2000)
    assert tried.manifest is not None
    offer = TrialOffer(tried.manifest.digest, tried.manifest)
    asked = Update("default", home.page(0, 0), fragments=tried.fragments, trial=offer)
    forged = TrialOffer("f" * 64, replace(tried.manifest, digest="f" * 64))
    assert not keeper.take(msgspec.structs.replace(asked, trial=forged), is_pushed=True).is_trial_changed
    assert (keeper.trial.known, keeper.trial.problem) == ("", {})
    assert keeper.take(asked, is_pushed=False).is_trial_changed
    assert not keeper.take(Update("default", home.page(0, 0), trial=TrialOffer()), is_pushed=True).is_trial_changed
    assert keeper.trial.known == tried.manifest.digest


def test_a_change_leads_from_one_manifest_to_the_next() -> None:
    before, after = {"a": "1", "b": "2", "d": "4"}, {"a": "1", "b": "3", "c": "5"}
    change = change_between(before, after)
    assert (change.changed, change.removed) == ({"b": "3", "c": "5"}, ["d"])
    assert list(with_change(before, change).items()) == list(after.items())


def test_half_a_table_is_never_in_force(home: Home) -> None:
    keeper = keeper_of(home)
    first = keeper.take(Update("default", page(home, 0, 5, is_full=True, more=True)), is_pushed=False)
    assert first.is_incomplete
    assert keeper.access.find("application", "app_1") is None
    assert b'"access_seq":5' in keeper.ask(0)
    rest = home.page(5, 6, records=[("organization", "org_2", {"state": "active"})])
    assert keeper.take(Update("default", rest), is_pushed=False).access_file is not None
    assert keeper.access.find("application", "app_1") is not None
    assert keeper.access.find("organization", "org_2") is not None


def test_forged_damaged_and_older_states_are_refused(home: Home) -> None:
    keeper = keeper_of(home)
    old = state(home, 1000)
    keeper.take(state(home, 2000), is_pushed=False)
    new = state(home, 3000)
    assert new.manifest is not None
    manifest = new.manifest
    forged = Manifest(manifest.format, "default", 99, manifest.digest, manifest.fragments, manifest.signature)
    name, wanted = next(iter(manifest.fragments.items()))
    swapped = Manifest(
        manifest.format,
        "default",
        manifest.revision,
        manifest.digest,
        {**manifest.fragments, name: "0" * 64},
        manifest.signature,
    )
    damaged = {**new.fragments, wanted: new.fragments[wanted].replace("bank", "bonk")}
    future = Manifest(2, "default", manifest.revision, manifest.digest, manifest.fragments, manifest.signature)
    for update in (
        old,
        Update("default", home.page(0, 0), forged, new.fragments),
        Update("default", home.page(0, 0), swapped, {**new.fragments, "0" * 64: "{}"}),
        Update("default", home.page(0, 0), manifest, damaged),
        Update("default", home.page(0, 0), future, new.fragments),
    ):
        assert keeper.take(update, is_pushed=False).generation is None
        assert revision_of(keeper) == 2
    assert keeper.take(new, is_pushed=False).generation is not None


def test_start_uses_the_newest_whole_generation(home: Home) -> None:
    keeper = keeper_of(home)
    for timeout_ms in range(1000, 6000, 1000):
        keeper.take(state(home, timeout_ms), is_pushed=False)
    manifests = sorted((home.state / "snapshots").glob("*.json"))
    assert [int(path.stem) for path in manifests] == [1, 2, 3, 4, 5]
    manifests[-1].write_bytes(manifests[-1].read_bytes()[:-20])
    manifests[-2].write_bytes(manifests[-2].read_bytes().replace(b'"revision":4', b'"revision":9'))
    assert revision_of(keeper_of(home)) == 3


def test_state_of_another_installation_is_not_touched(home: Home, tmp_path: Path) -> None:
    keeper_of(home).take(state(home, 1000), is_pushed=False)
    other = Home(tmp_path)
    assert revision_of(keeper_of(other)) == 0
    assert revision_of(keeper_of(home)) == 1


def test_access_file_finds_each_of_many_records_and_nothing_else(tmp_path: Path) -> None:
    records = [("credential", f"{number:064x}", {"id": f"crd_{number}"}) for number in range(5000)]
    path = tmp_path / "a.map"
    write_access_file(path, 3, {name: body for name, body in encode_records(records) if body is not None})
    file = AccessFile(path, is_checked=True)
    assert (file.seq, file.count) == (3, 5000)
    assert all(file.find(record_name(kind, key)) for kind, key, _ in records)
    assert file.find(record_name("credential", "f" * 64)) is None
    assert len(dict(file.records())) == 5000


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_update_is_refused_or_means_the_same(home: Home, seed: int) -> None:
    """What is signed cannot be changed in any byte; access records are protected by the transport."""
    manifest, fragments = home.sign(make_snapshot([make_version(9101)]))
    whole = msgspec.json.encode(Update("default", home.page(0, 0), manifest, fragments))
    damaged = corrupt(whole, Random(seed))  # noqa: S311 - repeatable damage
    with TemporaryDirectory() as folder:
        keeper = Keeper(Path(folder), home.credentials())
        try:
            update = decode_update(damaged)
        except ValueError:
            return
        taken = keeper.take(update, is_pushed=False)
        if taken.generation is None:
            assert keeper.problems or update.manifest is None or taken.is_incomplete
            return
        assert keeper.manifest is not None
        assert signed_bytes(keeper.manifest) == signed_bytes(manifest)
        _, contents = read_generation(taken.generation)
        assert {digest(content): content.decode() for content in contents.values()} == fragments


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_disk_never_activates_what_was_not_signed(home: Home, seed: int) -> None:
    with TemporaryDirectory() as folder:
        keeper = Keeper(Path(folder), home.credentials())
        home.revision = 0
        for timeout_ms in (1000, 2000, 3000):
            keeper.take(state(home, timeout_ms), is_pushed=False)
        dice = Random(seed)  # noqa: S311 - repeatable damage
        victim = dice.choice(sorted(path for path in Path(folder).rglob("*") if path.is_file()))
        victim.write_bytes(corrupt(victim.read_bytes(), dice))
        again = Keeper(Path(folder), home.credentials())
        if again.generation is None:
            assert again.problems
            return
        assert again.manifest is not None
        assert home.credentials().verify(again.manifest)
        read_generation(again.generation)
        assert revision_of(again) == 3 or again.problems
        next_state = state(home, 4000)
        assert again.take(next_state, is_pushed=False).generation is not None
        assert revision_of(Keeper(Path(folder), home.credentials())) == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_access_records_are_never_believed(home: Home, seed: int) -> None:
    with TemporaryDirectory() as folder:
        first = AccessState(Path(folder))
        first.take(page(home, 0, 7, is_full=True), is_pushed=False)
        revoked = home.hash_of(KEY)
        first.take(home.page(7, 8, records=[("credential", home.hash_of("b"), {"id": "crd_2"})]), is_pushed=True)
        first.take(home.page(8, 9, records=[("credential", revoked, None)]), is_pushed=True)
        states = {7: {revoked}, 8: {revoked, home.hash_of("b")}, 9: {home.hash_of("b")}, 0: set()}
        dice = Random(seed)  # noqa: S311 - repeatable damage
        victim = dice.choice(sorted(Path(folder).iterdir()))
        victim.write_bytes(corrupt(victim.read_bytes(), dice))
        again = AccessState(Path(folder))
        known = {key for key in (revoked, home.hash_of("b")) if again.table.find("credential", key)}
        assert known == states[again.table.seq]
        again.take(home.page(again.table.seq, 10, is_full=not again.table.seq, records=home.records()), is_pushed=False)
        assert AccessState(Path(folder)).table.seq == 10


def corrupt(content: bytes, dice: Random) -> bytes:
    """Content cut off, with a flipped bit, or with a piece overwritten."""
    position = dice.randrange(len(content))
    match dice.choice(["cut", "flip", "overwrite"]):
        case "cut":
            return content[:position]
        case "flip":
            return content[:position] + bytes([content[position] ^ 1 << dice.randrange(8)]) + content[position + 1 :]
        case _:
            piece = dice.randbytes(dice.randrange(1, 40))
            return content[:position] + piece + content[position + len(piece) :]


def test_state_in_quarantine_is_not_used_again_and_its_successor_is(home: Home) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000), is_pushed=False)
    bad = state(home, 2000)
    keeper.take(bad, is_pushed=False)
    assert bad.manifest is not None
    assert keeper.quarantine(bad.manifest.digest, "it ended 2 workers")
    assert revision_of(keeper) == 1
    assert "quarantine" in keeper.problems["generation.E002"]
    assert keeper.take(bad, is_pushed=False).is_refused
    assert revision_of(keeper_of(home)) == 1
    assert keeper_of(home).take(bad, is_pushed=False).is_refused
    assert keeper.take(state(home, 3000), is_pushed=False).generation is not None
    assert keeper.problems == {}


def test_only_state_there_is_is_never_put_in_quarantine(home: Home) -> None:
    keeper = keeper_of(home)
    only = state(home, 1000)
    keeper.take(only, is_pushed=False)
    assert only.manifest is not None
    assert not keeper.quarantine(only.manifest.digest, "it ended 2 workers")
    assert revision_of(keeper_of(home)) == 1


def test_answer_of_a_restored_control_plane_is_refused_and_told(home: Home) -> None:
    keeper = keeper_of(home)
    old = state(home, 1000)
    keeper.take(state(home, 2000, page(home, 0, 9, is_full=True)), is_pushed=False)
    keeper.ask(0)
    answer = Update("default", page(home, 9, 5, is_full=True), old.manifest, old.fragments)
    taken = keeper.take(answer, is_pushed=False)
    assert taken.is_refused
    assert (revision_of(keeper), keeper.access.seq) == (2, 9)
    assert {"generation.E003", "access.E001"} == set(keeper.problems)
    assert all("resume_after_restore" in message for message in keeper.problems.values())
    keeper.ask(0)
    later = page(home, 9, 1_000_009, is_full=True)
    assert keeper.take(Update("default", later), is_pushed=False).access_file is not None
    assert keeper.problems == {}


def test_empty_table_is_never_taken_for_all_deleted(home: Home) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 2000, page(home, 0, 9, is_full=True)), is_pushed=False)
    taken = keeper.take(Update("default", home.page(9, 20, is_full=True)), is_pushed=False)
    assert taken.is_refused
    assert keeper.access.find("application", "app_1") is not None
    assert "access.E001" in keeper.problems


def test_revocation_is_in_force_when_the_disk_does_not_take_it(home: Home) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000, page(home, 0, 7, is_full=True)), is_pushed=False)
    assert keeper.access_file is not None
    log = keeper.access_file.with_suffix(".log")
    log.mkdir()  # opening it fails, as on a broken disk
    key = home.hash_of(KEY)
    taken = keeper.take(Update("default", home.page(7, 8, records=[("credential", key, None)])), is_pushed=True)
    assert (taken.changes, taken.upto) == (((b"credential\0" + key.encode(), None),), 8)
    assert keeper.access.find("credential", key) is None
    assert "disk.E001" in keeper.problems
    log.rmdir()
    assert keeper.catch_up() is not None
    assert keeper.problems == {}
    assert keeper_of(home).access.find("credential", key) is None


@pytest.mark.parametrize(
    "version",
    [
        make_version(9101, routes=(ROUTE,) * (MAX_ROUTES_A_VERSION + 1)),
        make_version(9101, targets=make_version(9101).targets * (MAX_TARGETS_A_VERSION + 1)),
        make_version(9101, routes=(replace(ROUTE, path="/" + "a" * MAX_PATH_CHARACTERS),)),
        make_version(9101, name=""),
    ],
)
def test_well_signed_state_beyond_the_bounds_is_refused_whole(home: Home, version: Version) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000), is_pushed=False)
    manifest, fragments = home.sign(make_snapshot([version]))
    taken = keeper.take(Update("default", home.page(0, 0), manifest, fragments), is_pushed=False)
    assert taken.is_refused
    assert revision_of(keeper) == 1
    assert "generation.E001" in keeper.problems
    assert revision_of(keeper_of(home)) == 1


def test_states_beyond_the_bounds_on_disk_are_passed_over_for_a_smaller_one(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = keeper_of(home)
    keeper.take(state(home, 1000), is_pushed=False)
    size = sum(
        len(text.encode()) for text in home.sign(make_snapshot([make_version(9101, timeout_ms=1000)]))[1].values()
    )
    large = make_snapshot([make_version(9101), make_version(9101, id="ver_2", name="v2")])
    keeper.take(Update("default", home.page(0, 0), *home.sign(large)), is_pushed=False)
    assert revision_of(keeper) == 3
    monkeypatch.setattr(acceptance, "MAX_STATE_BYTES", size)
    assert revision_of(keeper_of(home)) == 1
    monkeypatch.setattr(acceptance, "MAX_FRAGMENT_BYTES", 10)
    assert revision_of(keeper_of(home)) == 0
