"""Databases that programs of their own work on, of the kind that this run is for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from django.db import connection


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The environment of a program that has an empty database and a data directory of its own."""
    settings = {**os.environ, "APIM_HOME": str(tmp_path / "home"), "DATABASE_URL": "", "REDIS_URL": ""}
    settings["DJANGO_SETTINGS_MODULE"] = "apim.config.settings"
    (tmp_path / "home").mkdir()
    if connection.vendor != "postgresql":
        yield settings
        return
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"other_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield settings | {"DATABASE_URL": f"{server}/{name}"}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
