"""Joining: credentials come once, whole, and by no way that others can read."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from gateway_sync.runtime.joining import Invitation, JoinFailed, join

GIVEN = {"token": "apimgw_1", "pepper": "00", "verify_key": "k", "environment": "default", "sealing_key": "00"}


class Desk(HTTPServer):
    """A control plane that answers as it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, str]] = []
        self.status = 200
        self.is_silent = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body["nonce"]))
        if self.server.is_silent:
            self.close_connection = True
            return
        content = json.dumps(GIVEN).encode()
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


def test_credentials_are_written_for_their_owner_only(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "credentials.json"
    join(Invitation(desk.url, "apimjoin_1", path))
    assert json.loads(path.read_text()) == {"control_url": desk.url, "redis_url": "", **GIVEN}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["credentials.json"]
    assert desk.asked[0][:2] == ("/gateway/v1/join", "Bearer apimjoin_1")


def test_who_has_credentials_does_not_ask(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{}")
    join(Invitation(desk.url, "", path))
    assert (desk.asked, path.read_text()) == ([], "{}")


def test_a_lost_answer_is_asked_for_again_with_the_same_nonce(desk: Desk, tmp_path: Path) -> None:
    invitation = Invitation(desk.url, "apimjoin_1", tmp_path / "credentials.json")
    desk.is_silent = True
    with pytest.raises(JoinFailed, match="cannot be reached"):
        join(invitation)
    desk.is_silent = False
    join(invitation)
    first, second = (nonce for *_, nonce in desk.asked)
    assert first == second
    assert len(first) >= 32


@pytest.mark.parametrize(
    ("status", "said"), [(401, "make another in the console"), (409, "refused: status 409"), (503, "status 503")]
)
def test_a_refusal_says_what_to_do_and_leaves_no_credentials(
    desk: Desk, tmp_path: Path, status: int, said: str
) -> None:
    desk.status = status
    path = tmp_path / "credentials.json"
    with pytest.raises(JoinFailed, match=said):
        join(Invitation(desk.url, "apimjoin_1", path))
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "token", "said"),
    [
        ("http://apim.example.com", "apimjoin_1", "Use https://"),
        ("apim.example.com", "apimjoin_1", "is no address of a control plane"),
        ("https://apim.example.com", "", "A token is needed"),
    ],
    ids=["plain", "no-address", "no-token"],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(tmp_path: Path, url: str, token: str, said: str) -> None:
    with pytest.raises(JoinFailed, match=said):
        join(Invitation(url, token, tmp_path / "credentials.json"))
    assert list(tmp_path.iterdir()) == []
