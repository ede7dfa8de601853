"""How long nobody vouched for access records: through restarts, clocks that jump, and what is no proof (H28)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from gateway_sync.runtime.access_state import AccessPage
from gateway_sync.runtime.confirming import Confirming
from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.core.index import Index
from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.updates import Update
from gateway_sync.runtime.vouching import KEPT_EACH_S, UNCONFIRMED, Vouching
from gateway_sync.snapshot import Products
from tests.wire.gateways import Home, Record, make_environment, make_snapshot, make_version

REVOKED: list[Record] = [("organization", "org_1", None)]
HOUR_S = 3600.0


@dataclass
class TestClock:
    """The clocks of a host that a test sets."""

    running: float = 5000.0
    wall: float = 1_790_000_000.0
    name: str = "boot-1"

    __test__ = False

    def running_s(self) -> float:
        """Since the host was started."""
        return self.running

    def wall_s(self) -> float:
        """As the host believes."""
        return self.wall

    def boot(self) -> str:
        """This run of the host."""
        return self.name

    def pass_by(self, seconds: float) -> None:
        """Time goes by."""
        self.running += seconds
        self.wall += seconds

    def start_anew(self, *, down_s: float, set_back_s: float = 0.0) -> None:
        """The host was down, and its clock may have been set meanwhile."""
        self.name, self.running = f"{self.name}+", 10.0
        self.wall += down_s - set_back_s


@pytest.fixture
def clock() -> TestClock:
    """A host that has run for a while."""
    return TestClock()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The keys of a control plane."""
    return Home(tmp_path)


def age_of(folder: Path, clock: TestClock) -> float | None:
    """As a gateway that starts now sees it."""
    age_s = Vouching(folder, clock).age_s()
    return None if age_s is None else round(age_s)


def test_the_age_counts_from_the_last_proof_and_over_restarts_from_the_last_that_was_kept(
    tmp_path: Path, clock: TestClock
) -> None:
    vouching = Vouching(tmp_path, clock)
    clock.pass_by(KEPT_EACH_S)
    vouching.note(is_on_disk=True)
    clock.pass_by(KEPT_EACH_S / 2)
    vouching.note(is_on_disk=True)
    clock.pass_by(60)
    assert vouching.age_s() == 60
    assert age_of(tmp_path, clock) == 60 + KEPT_EACH_S / 2


def test_a_wall_clock_that_jumps_changes_no_age_while_the_host_runs(tmp_path: Path, clock: TestClock) -> None:
    vouching = Vouching(tmp_path, clock)
    for jump_s in (-HOUR_S, 400 * 24 * HOUR_S):
        clock.wall += jump_s
        assert vouching.age_s() == 0
        assert age_of(tmp_path, clock) == 0


def test_over_a_start_of_the_host_the_wall_clock_counts_and_one_behind_the_proof_says_nothing(
    tmp_path: Path, clock: TestClock
) -> None:
    Vouching(tmp_path, clock)
    clock.start_anew(down_s=HOUR_S)
    assert age_of(tmp_path, clock) == HOUR_S
    clock.start_anew(down_s=HOUR_S, set_back_s=3 * HOUR_S)
    vouching = Vouching(tmp_path, clock)
    assert vouching.age_s() is None
    vouching.most_s = 60
    assert UNCONFIRMED in vouching.problems()


def test_a_gateway_that_kept_no_proof_yet_counts_from_its_first_start_and_not_from_the_next(
    tmp_path: Path, clock: TestClock
) -> None:
    assert age_of(tmp_path, clock) == 0
    clock.pass_by(HOUR_S)
    assert age_of(tmp_path, clock) == HOUR_S


@pytest.mark.parametrize("content", [b"", b"{}", b'{"boot":"boot-1","running_s":1e300,"wall_s":0}', b"\xff"])
def test_a_damaged_proof_or_one_of_the_future_is_none(tmp_path: Path, clock: TestClock, content: bytes) -> None:
    (tmp_path / "vouched.json").write_bytes(content)
    assert age_of(tmp_path, clock) is None


def test_what_the_disk_does_not_have_is_vouched_for_until_a_restart_only(tmp_path: Path, clock: TestClock) -> None:
    vouching = Vouching(tmp_path, clock)
    clock.pass_by(HOUR_S)
    vouching.note(is_on_disk=False)
    assert vouching.age_s() == 0
    assert age_of(tmp_path, clock) == HOUR_S


def test_without_a_bound_nothing_is_too_old_and_with_one_answers_come_thrice_in_it_or_are_asked_for_at_once(
    tmp_path: Path, clock: TestClock, home: Home
) -> None:
    vouching = Vouching(tmp_path, clock)
    clock.pass_by(1000 * HOUR_S)
    assert (vouching.problems(), vouching.wait_s(20.0)) == ({}, 20.0)
    keeper = Keeper(home.state, home.credentials())
    environment = make_environment(max_revocation_age_s=30)
    manifest, fragments = home.sign(make_snapshot([make_version(9101)], environment=environment))
    keeper.take(Update("default", home.page(0, 7, home.records(), is_full=True), manifest, fragments), is_pushed=False)
    assert keeper.generation is not None
    vouching.use(keeper.generation)
    assert vouching.wait_s(20.0) == 0.0
    assert "3600000 s" in vouching.problems()[UNCONFIRMED]
    vouching.note(is_on_disk=True)
    assert (vouching.wait_s(20.0), vouching.problems()) == (10.0, {})
    clock.pass_by(15)
    assert (vouching.wait_s(20.0), vouching.problems()) == (0.0, {})


def is_vouched(keeper: Keeper, page: AccessPage, *, is_pushed: bool) -> bool:
    """Whether the update proves that the records here are those of the control plane."""
    return keeper.take(Update("default", page), is_pushed=is_pushed).is_vouched


def test_answers_prove_and_pushes_never_though_what_they_bring_is_taken(home: Home, tmp_path: Path) -> None:
    keeper = Keeper(home.state, home.credentials())
    first, last = home.page(0, 7, home.records(), is_full=True, more=True), home.page(7, 8, ())
    assert [is_vouched(keeper, page, is_pushed=False) for page in (first, last)] == [False, True]
    assert is_vouched(keeper, home.page(8, 8), is_pushed=False)
    new = home.page(8, 9, REVOKED)
    assert not is_vouched(keeper, msgspec.structs.replace(new, signature=""), is_pushed=True)
    assert not is_vouched(keeper, Home(tmp_path / "others").page(8, 9, REVOKED), is_pushed=True)
    assert not is_vouched(keeper, Home(tmp_path / "others").page(8, 9, REVOKED), is_pushed=False)
    assert not is_vouched(keeper, home.page(9, 10, REVOKED), is_pushed=True)
    assert not is_vouched(keeper, new, is_pushed=True)  # it may have been kept back until now
    assert keeper.access.seq == 9
    assert is_vouched(keeper, home.page(9, 9), is_pushed=False)


def test_a_control_plane_that_knows_less_than_the_gateway_vouches_for_nothing(home: Home) -> None:
    keeper = Keeper(home.state, home.credentials())
    assert is_vouched(keeper, home.page(0, 7, home.records(), is_full=True), is_pushed=False)
    keeper.ask(0.0)
    assert not is_vouched(keeper, home.page(0, 3, home.records(), is_full=True), is_pushed=False)


def test_a_gate_closes_when_the_time_is_over_opens_with_the_next_proof_and_stays_open_without_a_bound() -> None:
    clock = TestClock()
    for most_s, turns in ((60, True), (0, False)):
        environment = make_environment(max_revocation_age_s=most_s)
        gate = Gate(Index(environment, Products((), ()), 1, ""), {}, str, b"gw")  # type: ignore[arg-type]
        confirming = Confirming(gate, clock.running, clock.running_s)
        clock.pass_by(60)
        assert (confirming.look(), gate.is_confirmed) == (False, True)
        clock.pass_by(1)
        assert (confirming.look(), gate.is_confirmed) == (turns, not turns)
        assert (confirming.note(clock.running), gate.is_confirmed) == (turns, True)
        assert (confirming.note(None), gate.is_confirmed) == (turns, not turns)
