"""What a gateway does as the control plane orders, and what it keeps over a restart."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.credentials import Doors, KeptDoors
from gateway_sync.runtime.standing import Standing
from tests.gateway_sync.runtime.desks import Desk, opened


@pytest.fixture
def desk() -> Iterator[Desk]:
    with opened({"token": "apimgw_2"}) as desk:
        yield desk


@pytest.fixture
def path(tmp_path: Path, desk: Desk) -> Path:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"control_url": desk.url, "token": "apimgw_1", "redis_url": "", "pepper": "00"}))
    return path


def hear(standing: Standing, answer: dict[str, object] | bytes) -> None:
    asyncio.run(standing.hear(answer if isinstance(answer, bytes) else json.dumps(answer).encode()))


def test_draining_outlives_a_restart_and_ends_as_ordered(tmp_path: Path) -> None:
    def begin() -> Standing:
        doors = lambda: Doors("http://127.0.0.1:1", "apimgw_1")  # noqa: E731
        return Standing(tmp_path, ControlPlane(doors), doors)

    standing = begin()
    assert not standing.is_draining
    hear(standing, {"is_draining": True, "is_rotating": True})  # whose credentials are in no file keeps them
    assert begin().is_draining
    hear(standing, {})
    hear(standing, b"<html>")
    assert standing.is_draining, "what is not said changes nothing"
    hear(standing, {"is_draining": False})
    assert not begin().is_draining


def test_a_credential_is_fetched_with_the_old_one_and_used_from_then_on(tmp_path: Path, path: Path, desk: Desk) -> None:
    doors = KeptDoors(path)
    control = ControlPlane(doors)
    standing = Standing(tmp_path, control, doors)
    hear(standing, {"is_draining": False, "is_rotating": True})
    control.post("report", b"{}")
    assert [asked[:2] for asked in desk.asked] == [
        ("/gateway/v1/credential", "Bearer apimgw_1"),
        ("/gateway/v1/report", "Bearer apimgw_2"),
    ]
    stored = json.loads(path.read_text())
    assert (stored["token"], stored["pepper"]) == ("apimgw_2", "00")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_refusal_leaves_the_credential_as_it_is(tmp_path: Path, path: Path, desk: Desk) -> None:
    doors = KeptDoors(path)
    desk.status = 503
    hear(Standing(tmp_path, ControlPlane(doors), doors), {"is_rotating": True})
    assert doors().token == json.loads(path.read_text())["token"] == "apimgw_1"
