"""What every answer and every page carries: the policy, the theme."""

from __future__ import annotations

import pytest

from apim.ui.csp import HEADER, POLICY
from tests.conftest import LogIn


@pytest.mark.parametrize("path", ["/", "/account/login/", "/nothing-here", "/my"])
def test_every_answer_has_the_strict_policy(log_in: LogIn, path: str) -> None:
    policy = log_in(None).get(path)[HEADER]
    assert policy == POLICY
    assert "unsafe" not in policy


def test_a_page_follows_the_system_until_a_theme_is_chosen(log_in: LogIn) -> None:
    client = log_in(None)
    assert "data-theme" not in client.get("/").content.decode().split("<head>")[0]
    answer = client.post("/theme", {"next": "/apis/x?y=1"})
    assert answer["Location"] == "/apis/x?y=1"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme", {"next": "/"})
    assert 'data-theme="light"' in client.get("/").content.decode()


def test_the_theme_switch_leads_nowhere_else(log_in: LogIn) -> None:
    assert log_in(None).post("/theme", {"next": "https://evil.example/"})["Location"] == "/"


def test_a_forged_theme_cookie_is_ignored(log_in: LogIn) -> None:
    client = log_in(None)
    client.cookies["theme"] = '"><script>'
    assert "data-theme" not in client.get("/").content.decode().split("<head>")[0]


def test_a_missing_page_is_in_house_style(log_in: LogIn) -> None:
    answer = log_in(None).get("/nothing-here")
    assert answer.status_code == 404
    assert "There is nothing at this address" in answer.content.decode()
