"""What a gateway does as the control plane orders, and what it keeps over a restart."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.credentials import Doors, KeptDoors
from gateway_sync.runtime.standing import Standing


class Desk(HTTPServer):
    """A control plane that hands over one token, and keeps who asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Authorization"]))
        content = json.dumps({"token": "apimgw_2"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


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
    assert desk.asked == [
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
