"""Databases that programs of their own work on, of the kind that this run is for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from apim.up.options import ROOT
from tests import schema


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The environment of a program that has an empty database and a data directory of its own."""
    with _database(tmp_path / "home") as settings:
        yield settings


@pytest.fixture
def migrated_database(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The same with all tables and no rows."""
    is_made = schema.is_there()
    if is_made and connection.vendor != "postgresql":
        schema.put_in_home(tmp_path / "home")
    with _database(tmp_path / "home", schema.name() if is_made else "template1") as settings:
        if not is_made:
            migrate = (sys.executable, "manage.py", "migrate", "--verbosity=0")
            subprocess.run(migrate, cwd=ROOT, env=settings, check=True, capture_output=True)
        yield settings


@contextmanager
def _database(home: Path, template: str = "template1") -> Iterator[Mapping[str, str]]:
    settings = {**os.environ, "APIM_HOME": str(home), "DATABASE_URL": "", "REDIS_URL": ""}
    settings["DJANGO_SETTINGS_MODULE"] = "apim.config.settings"
    home.mkdir(exist_ok=True)
    if connection.vendor != "postgresql":
        yield settings
        return
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"other_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        yield settings | {"DATABASE_URL": f"{server}/{name}"}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def refusing(error: Exception) -> Callable[..., object]:
    """A database that answers each query with the error."""

    def refuse(*_: object) -> object:
        raise error

    return refuse
