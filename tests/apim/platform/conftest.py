from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis


@pytest.fixture
def redis(shared_redis: Redis) -> Redis:
    """A client of a Valkey server of these tests, which the product is told to use; empty."""
    return shared_redis


@pytest.fixture
def no_redis(settings: Settings, tmp_path: Path) -> None:
    """Nothing listens where Redis should be."""
    settings.REDIS_URL = f"unix://{tmp_path / 'nothing.sock'}"
