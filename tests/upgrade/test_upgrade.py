"""Databases of earlier releases are brought to the present by `migrate` alone, with all that is in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from apim.up.options import ROOT

HERE = Path(__file__).parent
RELEASES = sorted(HERE.glob("*.jsonl"))


@pytest.fixture
def empty_database(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The environment of a program that has an empty database of the kind that this run is for."""
    settings = {
        **os.environ,
        "APIM_HOME": str(tmp_path),
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "apim.config.settings",
    }
    if connection.vendor != "postgresql":
        yield settings
        return
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    name = f"upgrade_{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        yield settings | {"DATABASE_URL": f"{server}/{name}"}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.stem)
def test_nothing_of_an_earlier_release_is_lost(release: Path, empty_database: Mapping[str, str]) -> None:
    ended = subprocess.run(
        (sys.executable, "-m", "tests.upgrade.program", str(release)),
        cwd=ROOT, env=empty_database, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    left: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    assert left["missing"] == []
    assert left["changed"] == []
    assert left["problems"] == []
    assert set(left["pages"].values()) == {200}, left["pages"]
