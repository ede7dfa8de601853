"""Web, publishing and ingest write at once into one SQLite file: nobody is told that the database is locked."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests import schema

ROOT = Path(__file__).parents[2]


def count(home: Path, table: str) -> int:
    with sqlite3.connect(home / "db.sqlite3") as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize(
    "seconds", [pytest.param(5, id="short"), pytest.param(60, id="a-minute", marks=pytest.mark.slow)]
)
def test_no_writer_is_refused_and_every_write_is_there(tmp_path: Path, seconds: int) -> None:
    home = tmp_path / "home"
    schema.put_in_home(home)
    writers = subprocess.run(
        [sys.executable, "-m", "tests.fault.writers", str(seconds)],
        cwd=ROOT,
        env={**os.environ, "APIM_HOME": str(home), "DATABASE_URL": "", "REDIS_URL": ""},
        capture_output=True,
        text=True,
        timeout=seconds * 3 + 180,
        check=False,
    )
    assert writers.returncode == 0, writers.stderr
    done = json.loads(writers.stdout)
    assert min(done.values()) > 0, "every role got its turn"
    assert count(home, "access_application") == count(home, "access_credential") == done["web"]
    assert count(home, "usage_usagerecord") == done["ingest"] * 200
