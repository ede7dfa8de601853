"""Joining: credentials come once, whole, and by no way that others can read."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway_sync.runtime.joining import Invitation, JoinFailed, join
from tests.gateway_sync.runtime.desks import Desk, opened

GIVEN = {"token": "apimgw_1", "pepper": "00", "verify_key": "k", "environment": "default", "sealing_key": "00"}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with opened(GIVEN) as desk:
        yield desk


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
    first, second = (asked.body["nonce"] for asked in desk.asked)
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
