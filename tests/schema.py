"""Databases that need no migrating: copies of one that script/test migrated for the whole run, where there is one."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import connection


def is_there() -> bool:
    """True when the run has a template for this kind of database; without one everybody migrates."""
    return _variable() in os.environ


def name() -> str:
    """What there is of it: the database on the server (PostgreSQL), or the data directory (SQLite)."""
    return os.environ[_variable()]


def put_in_test_database() -> None:
    """Before Django makes the test database: it finds one that is migrated (SQLite), or copies it (PostgreSQL)."""
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = name()
    else:
        copy_database(Path(connection.creation._get_test_db_name()))


def put_in_home(home: Path) -> None:
    """Make a data directory such as a product leaves that migrated SQLite and was ended; nothing without a template."""
    template = os.environ.get("APIM_TEST_TEMPLATE_HOME")
    if template:
        home.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(template) / "keys", home / "keys")
        copy_database(home / "db.sqlite3")


def copy_database(path: Path) -> None:
    """Put a copy of the template at the path, in place of what is there."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    template = Path(os.environ["APIM_TEST_TEMPLATE_HOME"]) / "db.sqlite3"
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)


def _variable() -> str:
    return "APIM_TEST_TEMPLATE_DATABASE" if connection.vendor == "postgresql" else "APIM_TEST_TEMPLATE_HOME"
