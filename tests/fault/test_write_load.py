"""Web, publishing and ingest write at once into one SQLite file: nobody is told that the database is locked."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREPARE = """
from apim.accounts.services import create_organization
from apim.audit.actor import system_actor
from apim.gateways.services import default_environment, enroll_gateway
by = system_actor("test")
create_organization(name="acme", display_name="Acme", by=by, is_default=True)
enroll_gateway(environment=default_environment(), name="embedded", by=by)
"""


def count(home: Path, table: str) -> int:
    with sqlite3.connect(home / "db.sqlite3") as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize(
    "seconds", [pytest.param(5, id="short"), pytest.param(60, id="a-minute", marks=pytest.mark.slow)]
)
def test_no_writer_is_refused_and_every_write_is_there(tmp_path: Path, seconds: int) -> None:
    environment = {**os.environ, "APIM_HOME": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    subprocess.run([*manage, "shell", "-v0", "-c", PREPARE], cwd=ROOT, env=environment, check=True)
    roles = [("web", 0), ("web", 1), ("web", 2), ("publishing", 0), ("ingest", 0), ("ingest", 1)]
    writers = {
        (role, number): subprocess.Popen(
            [sys.executable, "-m", "tests.fault.writers", role, str(number), str(seconds)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for role, number in roles
    }
    done: dict[str, int] = {}
    for (role, _), writer in writers.items():
        out, errors = writer.communicate(timeout=seconds * 3 + 180)
        assert writer.returncode == 0, errors
        done[role] = done.get(role, 0) + int(out)
    assert min(done.values()) > 0, "every role got its turn"
    assert count(tmp_path, "access_application") == count(tmp_path, "access_credential") == done["web"]
    assert count(tmp_path, "usage_usagerecord") == done["ingest"] * 200
