"""States that harm a gateway are put aside, and the one before serves (promise R4; hostile inputs H25, H26, H27)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway_sync.snapshot import MAX_ROUTES_A_VERSION, Route
from tests.fault.calling import codes, statuses
from tests.fault.following import POISON, following, kill_and_wait_for_the_next, revisions, workers_of
from tests.waiting import wait_until
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault


def test_state_that_no_worker_can_use_is_put_in_quarantine_and_reported(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with following(tmp_path) as (upstream, control, gateway):
        control.publish(make_snapshot([make_version(upstream.port)], environment=POISON))
        took_s = wait_until(lambda: "generation.E002" in str(control.reports[-1:]), "reported")
        record_property("reported_after_s", round(took_s, 2))
        assert revisions(gateway) == {1}
        kill_and_wait_for_the_next(gateway, 0)
        assert revisions(gateway) == {1}
        assert statuses(gateway) == {200}
        control.publish(make_snapshot([make_version(upstream.port, timeout_ms=50_000)]))
        wait_until(lambda: revisions(gateway) == {3})
        wait_until(lambda: codes(gateway) == set())


def test_state_beyond_the_bounds_is_refused_before_any_worker_meets_it(tmp_path: Path) -> None:
    with following(tmp_path) as (upstream, control, gateway):
        pids = gateway.pids()
        route = Route("GET /a", "GET", "/a", ())
        control.publish(make_snapshot([make_version(upstream.port, routes=(route,) * (MAX_ROUTES_A_VERSION + 1))]))
        wait_until(lambda: "generation.E001" in str(control.reports[-1:]), "reported")
        assert revisions(gateway) == {1}
        assert gateway.pids() == pids
        assert statuses(gateway) == {200}
        control.publish(make_snapshot([make_version(upstream.port, timeout_ms=50_000)]))
        wait_until(lambda: revisions(gateway) == {3})
        wait_until(lambda: codes(gateway) == set())


def test_state_that_ends_workers_as_they_start_gives_way_to_the_one_before(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        home.install(make_snapshot([make_version(upstream.port)], environment=POISON))
        gateway = GatewayProcess(home, workers=2).wait_ready()
        try:
            assert revisions(gateway) == {1}
            assert codes(gateway) == {"generation.E002"}
            assert statuses(gateway) == {200}
        finally:
            gateway.stop()
        gateway = GatewayProcess(home, workers=2).wait_ready()
        try:
            assert [worker["stats"]["restarts"] for worker in workers_of(gateway)] == [0, 0]
        finally:
            gateway.stop()


def test_kills_from_outside_put_nothing_in_quarantine(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        home.install(make_snapshot([make_version(upstream.port, timeout_ms=50_000)]))
        gateway = GatewayProcess(home, workers=2).wait_ready()
        try:
            for number in (0, 1, 0, 1):
                kill_and_wait_for_the_next(gateway, number)
            assert revisions(gateway) == {2}
            assert codes(gateway) == set()
        finally:
            gateway.stop()


def test_control_plane_that_talks_rubbish_changes_nothing_and_is_not_hammered(tmp_path: Path) -> None:
    with following(tmp_path) as (_, control, gateway):
        for rubbish in (b"", b"{}", b"[]", b"<html>", b'{"environment":"default","access":{"after":0,"upto":0}}'):
            control.rubbish, control.asked = rubbish, 0
            time.sleep(1.2)
            assert control.asked < 20
            assert statuses(gateway) == {200}
        control.rubbish = b'{"environment":"default","access":{"after":0,"upto":9,"is_full":true,"records":[]}}'
        wait_until(lambda: "access.E001" in codes(gateway))
        assert statuses(gateway) == {200}
        control.rubbish = None
        wait_until(lambda: codes(gateway) == set())


def test_older_state_is_refused_told_and_not_asked_for_in_a_hurry(tmp_path: Path) -> None:
    with following(tmp_path) as (upstream, control, gateway):
        old = control.manifest
        control.publish(make_snapshot([make_version(upstream.port, timeout_ms=50_000)]))
        wait_until(lambda: revisions(gateway) == {2})
        control.manifest, control.asked = old, 0
        wait_until(lambda: "resume_after_restore" in str(control.reports[-1:]), "told")
        time.sleep(2)
        assert control.asked < 20
        assert revisions(gateway) == {2}
