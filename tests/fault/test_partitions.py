"""The whole product on machines of its own, with packets between two of them dropped and let through again.

Promises R3, R6, R7, R16, B3, C2; hostile input H21. Who is cut off is not refused but hears nothing, as
behind a cable that was pulled. What is asserted is what came of it: counts, statuses, that each job had its effect
once, and that nothing had to be started again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from benchmarks.kills_tally import Tally
from benchmarks.topology import GATEWAYS, Topology, topology
from tests.fault.asking import exported, wait_for_exports
from tests.fault.machines import SeparateMachines, separate_machines
from tests.fault.spending import Spent
from tests.fault.whole import Note, everywhere, issue_and_revoke, load, patiently, plan, statuses

pytestmark = [pytest.mark.fault, pytest.mark.slow]

AWAY_S = 12.0  # longer than it takes anybody to find out that nobody answers
LIMIT = 1200
LONG_S = 45.0  # longer than a job may be silent before another worker takes it
_QUOTA = f"    - {{ quota: {LIMIT}, per: month }}\n"
MACHINES = {
    **dict.fromkeys(("web1", "web2", "balancer"), "web"),
    **dict.fromkeys(("publishing", "beat"), "clock"),
    **{name: name for name in ("celery1", "celery2", *GATEWAYS, "postgresql", "redis")},
    **{f"service-{name}": name for name in GATEWAYS},
}


@pytest.fixture
def note(record_property: Note) -> Note:
    """`note(name, value)` is told at the end of the run and asserted nowhere."""
    return record_property


@pytest.fixture(scope="module")
def machines() -> Iterator[SeparateMachines]:
    with separate_machines(MACHINES) as made:
        yield made


@pytest.fixture(scope="module")
def place(machines: SeparateMachines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    with topology(tmp_path_factory.mktemp("topology") / "home", machines=machines) as started:
        yield started


@pytest.fixture(scope="module")
def tally() -> Tally:
    """All calls of this file: they share the database."""
    return Tally()


@pytest.fixture(autouse=True)
def _nothing_started_again(place: Topology, machines: SeparateMachines) -> Iterator[None]:
    """Whatever is cut off, no process ends of it: each test begins and ends with the same ones."""
    place.wait_until(place.is_ready, "all serve")
    before = _lives(place)
    yield
    machines.heal()
    place.wait_until(place.is_ready, "all serve again")
    assert _lives(place) == before


def _lives(place: Topology) -> dict[str, list[int]]:
    return {name: [member.restarts, *member.pids[:1]] for name, member in place.members.items()}


def answered(place: Topology, name: str, path: str, **head: str) -> httpx.Response | None:
    """What a web process answers by itself; None while nobody does."""
    try:
        return httpx.get(f"{place.url(name)}{path}", headers=head, timeout=60)
    except httpx.TransportError:
        return None


def revoke(place: Topology, machines: SeparateMachines, *cut: tuple[str, ...]) -> str:
    """A key that both gateways took, revoked while these ways are cut."""
    issued = patiently(place, "POST", "credentials", {"application": "shop"})
    everywhere(place, str(issued["key"]), 200)
    for way in cut:
        machines.cut(*way)
    patiently(place, "POST", f"credentials/{issued['id']}/revoke", {})
    return str(issued["key"])


def test_a_gateway_cut_off_from_web_and_redis_serves_on_and_makes_up_for_it(
    place: Topology, machines: SeparateMachines, tally: Tally, note: Note
) -> None:
    with load(place, tally):
        key = revoke(place, machines, ("gateway1", "web", "redis"))
        place.wait_until(lambda: statuses(place, "gateway2", key) == {401}, "the other one refuses")
        time.sleep(AWAY_S)
        assert statuses(place, "gateway1", key) == {200}
        assert int(place.status("gateway1")["usage"]["pending"]) > 0
        machines.heal()
        took_s = place.wait_until(lambda: statuses(place, "gateway1", key) == {401}, "refused after the return")
        note("gateway_away_refused_after_s", round(took_s, 2))
    issue_and_revoke(place, note, "gateway_back")


def test_a_gateway_cut_off_from_redis_alone_pulls(
    place: Topology, machines: SeparateMachines, tally: Tally, note: Note
) -> None:
    with load(place, tally):
        key = revoke(place, machines, ("gateway1", "redis"))
        note("pulled_revocation_after_s", round(everywhere(place, key, 401), 2))
        place.rest("POST", "documents/apply", {"documents": plan(900_001), "files": {}})
        note("pulled_change_after_s", round(place.wait_until(place.has_converged, "the change is pulled"), 2))
        time.sleep(AWAY_S)
        issue_and_revoke(place, note, "without_way_to_redis")
        machines.heal()
    issue_and_revoke(place, note, "way_to_redis_back")


def test_web_cut_off_from_postgresql_says_so_and_gateways_serve_on(
    place: Topology, machines: SeparateMachines, tally: Tally, note: Note
) -> None:
    def failing(name: str) -> bool:
        page = answered(place, name, "/", Accept="text/html")
        told = answered(place, name, "/api/v1/apis", Authorization=f"Bearer {place.token}")
        if page is None or told is None or (page.status_code, told.status_code) != (503, 503):
            return False
        assert "We cannot reach our database" in page.text
        assert told.headers["Content-Type"] == "application/problem+json"
        assert (told.json()["status"], told.headers["Retry-After"]) == (503, "30")
        return True

    with load(place, tally):
        machines.cut("web", "postgresql")
        for name in ("web1", "web2"):
            note(f"{name}_says_so_after_s", round(place.wait_until(lambda name=name: failing(name), "503"), 2))
        assert answered(place, "web1", "/healthz/live").status_code == 200
        assert all(statuses(place, name, place.key) == {200} for name in GATEWAYS)
        time.sleep(LONG_S)
        assert all(statuses(place, name, place.key) == {200} for name in GATEWAYS)
        machines.heal()
        note("web_back_after_s", round(place.wait_until(place.is_ready, "web is back"), 2))
    issue_and_revoke(place, note, "web_has_postgresql_again")


@pytest.mark.parametrize("store", ["postgresql", "redis"])
def test_jobs_have_their_effect_once_though_a_worker_is_cut_off_from_a_store(
    place: Topology, machines: SeparateMachines, tally: Tally, note: Note, store: str
) -> None:
    with load(place, tally):
        jobs = exported(place, store)
        machines.cut("celery1", store)
        took_s = wait_for_exports(place, jobs)
        note(f"jobs_without_{store}_after_s", round(took_s, 2))
        machines.heal()
        note(f"jobs_after_{store}_s", round(wait_for_exports(place, exported(place, f"{store} again")), 2))


def test_all_cut_off_from_redis_go_on_and_lose_nothing(
    place: Topology, machines: SeparateMachines, tally: Tally, note: Note
) -> None:
    with load(place, tally):
        jobs = exported(place, "all")
        machines.cut("redis")
        page = answered(place, "web1", "/", Accept="text/html")
        assert page is not None
        assert page.status_code == 200
        issue_and_revoke(place, note, "all_without_redis")
        time.sleep(AWAY_S)
        machines.heal()
        note("jobs_after_redis_is_back_s", round(wait_for_exports(place, jobs), 2))
    place.rest("POST", "documents/apply", {"documents": plan(900_002), "files": {}})
    note("published_after_redis_is_back_s", round(place.wait_until(place.has_converged, "published"), 2))
    issue_and_revoke(place, note, "redis_back")


def test_a_quota_holds_though_a_gateway_is_cut_off_from_redis(
    place: Topology, machines: SeparateMachines, note: Note
) -> None:
    """A free plan shares: beyond its quota at most a hundredth passes while the others cannot be asked (B3)."""
    spent = Spent(place)
    place.rest("POST", "documents/apply", {"documents": plan(900_003) + _QUOTA, "files": {}})
    place.wait_until(place.has_converged, "the quota is in force")
    try:
        place.wait_until(lambda: spent.call(60)[200] == 60, "calls pass")
        machines.cut("gateway1", "redis")
        assert spent.call(120, ["gateway1"]).total() == 120
        place.wait_until(lambda: spent.call(60, ["gateway1"])[200] == 0, "what the one who is away may spend is spent")
        place.wait_until(lambda: spent.call(60, ["gateway2"])[200] == 0, "and the other one's")
        note("passed_of_1200_while_cut_off", spent.statuses[200])
        assert spent.statuses[200] <= LIMIT * 1.01
        machines.heal()
        place.wait_until(lambda: spent.call(60)[200] == 0 and spent.statuses[200] >= LIMIT, "the quota is used up")
    finally:
        place.rest("POST", "documents/apply", {"documents": plan(900_004), "files": {}})
        place.wait_until(place.has_converged, "there is no quota any more")
    note("passed_of_1200", spent.statuses[200])
    assert spent.statuses[200] <= LIMIT * 1.01
    assert set(spent.statuses) <= {200, 429}
