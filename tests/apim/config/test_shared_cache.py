"""Limits that all web processes count together, and each alone while Redis is away."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings
from redis import Redis

from apim.config.shared_cache import SharedCache
from tests.factories import accounts

PARAMS = {"KEY_PREFIX": "apim:cache"}
OTHER_PROCESS = """
import django
django.setup()
from allauth.core import context
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.test import RequestFactory
request = RequestFactory().post("/account/login/", REMOTE_ADDR="127.0.0.1", HTTP_HOST="testserver")
settings.ALLOWED_HOSTS.append("testserver")
refused = 0
with context.request_context(request):
    for _ in range(8):
        try:
            get_adapter().pre_authenticate(request, email="eva@example.org")
        except ValidationError:
            refused += 1
print(refused)
"""


@pytest.fixture
def address(valkey_url: str) -> str:
    """Of an empty server."""
    with Redis.from_url(valkey_url) as client:
        client.flushall()
    return valkey_url


def test_two_processes_count_together(address: str) -> None:
    one, other = SharedCache(address, PARAMS), SharedCache(address, PARAMS)
    assert one.add("tries", 0, 60)
    assert not other.add("tries", 0, 60)
    assert [one.incr("tries"), other.incr("tries")] == [1, 2]
    one.set("history", [1.5, 2.5], 60)
    assert other.get("history") == [1.5, 2.5]
    assert other.has_key("history")
    assert other.touch("history", 60)
    assert other.delete("history")
    assert one.get("history", "gone") == "gone"
    with pytest.raises(ValueError, match="not found"):
        one.incr("nothing")


def test_what_else_is_in_redis_is_left_alone(address: str) -> None:
    with Redis.from_url(address) as client:
        client.set("celery", "a queue")
        cache = SharedCache(address, PARAMS)
        cache.set("a", 1, 60)
        assert all(key.startswith(b"apim:cache:") for key in client.scan_iter() if key != b"celery")
        cache.clear()
        assert client.keys() == [b"celery"]


def test_nothing_but_json_is_stored_or_read(address: str) -> None:
    cache = SharedCache(address, PARAMS)
    with pytest.raises(TypeError):
        cache.set("a", object(), 60)


def test_without_redis_each_process_counts_alone_and_nobody_waits_for_each_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = SharedCache(f"unix://{tmp_path / 'nothing.sock'}", PARAMS)
    assert cache.add("tries", 0, 60)
    assert [cache.incr("tries") for _ in range(50)] == list(range(1, 51))
    assert cache.get("tries") == 50
    assert len([each for each in caplog.records if "alone" in each.message]) == 1
    cache.clear()
    assert cache.get("tries") is None


def test_redis_that_comes_back_is_used_again(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SharedCache(address, PARAMS)
    monkeypatch.setitem(SharedCache._asked_again_at, address, time.monotonic() + 3600)
    cache.set("a", 1, 60)
    with Redis.from_url(address) as client:
        assert client.keys() == []
        monkeypatch.setitem(SharedCache._asked_again_at, address, 0.0)
        cache.set("a", 1, 60)
        assert len(client.keys()) == 1


@pytest.fixture
def shared(address: str, settings: Settings) -> Iterator[str]:
    """The product uses the server, as one of several web processes would."""
    settings.CACHES = {
        **settings.CACHES,
        "default": {"BACKEND": "apim.config.shared_cache.SharedCache", "LOCATION": address, **PARAMS},
    }
    yield address
    caches["default"].clear()


@pytest.mark.django_db
def test_failed_log_ins_of_another_web_process_count_here(shared: str, client: Client, tmp_path: Path) -> None:
    accounts.user("eva@example.org")
    told = {"DJANGO_SETTINGS_MODULE": "apim.config.settings", "REDIS_URL": shared, "APIM_HOME": str(tmp_path)}
    other = subprocess.run(
        (sys.executable, "-c", OTHER_PROCESS), capture_output=True, text=True, check=True,
        env=told | {"PATH": ""},
    )  # fmt: skip
    refused_there = int(other.stdout)
    assert 0 < refused_there < 8
    page = client.post("/account/login/", {"login": "eva@example.org", "password": accounts.PASSWORD})
    assert "Too many failed login attempts" in page.content.decode()


@pytest.mark.django_db
def test_log_in_works_while_redis_is_away(tmp_path: Path, settings: Settings, client: Client) -> None:
    address = f"unix://{tmp_path / 'nothing.sock'}"
    settings.CACHES = {
        **settings.CACHES, "default": {"BACKEND": "apim.config.shared_cache.SharedCache", "LOCATION": address, **PARAMS}
    }  # fmt: skip
    accounts.user("eva@example.org")
    answers = [
        client.post("/account/login/", {"login": "eva@example.org", "password": "wrong"}).content.decode()
        for _ in range(8)
    ]
    assert "Too many failed login attempts" in answers[-1]
    person = accounts.user("ivo@example.org")
    answer = client.post("/account/login/", {"login": person.email, "password": accounts.PASSWORD})
    assert answer.status_code == 302
