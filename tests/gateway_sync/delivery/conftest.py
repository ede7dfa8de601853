from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis

from gateway_sync.delivery import push
from tests.valkey import running_valkey
from tests.waiting import PATIENCE_S


@pytest.fixture
def redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A client of a Valkey server of this test alone, which the product is told to use."""
    monkeypatch.setattr(push, "_TIMEOUT_S", PATIENCE_S)  # a push that Redis is too slow for is lost
    with running_valkey() as url, Redis.from_url(url) as client:
        settings.REDIS_URL = url
        yield client


@pytest.fixture
def no_redis(settings: Settings, tmp_path: Path) -> None:
    """Nothing listens where Redis should be."""
    settings.REDIS_URL = f"unix://{tmp_path / 'nothing.sock'}"
