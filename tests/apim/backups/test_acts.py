"""The drill: a backup of a real database with money in it, a loss, and everything back.

Promise of docs/howto/back-up-and-restore.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apim.up.options import ROOT

Environment = Mapping[str, str]
KEPT = ("accounts", "catalog", "products", "access", "billing", "usage")


@dataclass(frozen=True, slots=True)
class Drill:
    """An installation with accounts, keys, usage, a paid subscription and an invoice."""

    environment: Environment
    backup: Path

    def run(self, *command: str, is_bad: bool = False) -> str:
        """What a Python program of the product said."""
        ended = subprocess.run(
            (sys.executable, *command), cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert (ended.returncode != 0) == is_bad, ended.stderr
        return ended.stdout + ended.stderr

    def apim(self, *arguments: str, is_bad: bool = False) -> str:
        """What the command `apim` said."""
        return self.run("-m", "apim.cli", *arguments, is_bad=is_bad)

    def rows(self) -> list[dict[str, Any]]:
        """Everything that belongs to somebody."""
        rows: list[dict[str, Any]] = json.loads(self.run("manage.py", "dumpdata", *KEPT))
        return rows

    def revision(self) -> int:
        """The number of the state that gateways are given."""
        (environment,) = json.loads(self.run("manage.py", "dumpdata", "gateways.environment"))
        return int(environment["fields"]["revision"])

    def change(self, statements: str) -> None:
        """Do something to the database."""
        self.run("manage.py", "shell", "--no-imports", "--command", statements)

    def lose_keys(self) -> None:
        """Put the keys of another installation in their place."""
        others = {name: value[::-1] for name, value in json.loads(self.keys).items()}
        Path(self.environment["APIM_HOME"], "keys/keys.json").write_text(json.dumps(others))

    @property
    def keys(self) -> bytes:
        """The keys of the installation."""
        return Path(self.environment["APIM_HOME"], "keys/keys.json").read_bytes()


RECORDS = "20261121T00-0123.parquet"


@pytest.fixture
def drill(migrated_database: Environment, tmp_path: Path) -> Drill:
    """An installation with a file of records that was backed up while its database was open."""
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / RECORDS).write_bytes(b"PAR1")
    drill = Drill({**migrated_database, "APIM_RECORDS_FOLDER": str(folder)}, tmp_path / "monday.backup")
    drill.run("-m", "tests.apim.backups.program", RECORDS)
    assert "is written" in drill.apim("backup", str(drill.backup))
    return drill


LOSS = """
from apim.billing.models import Invoice
from apim.access.models import Credential
Invoice.objects.all().delete()
Credential.objects.update(state="revoked")
"""


def test_what_was_lost_is_back_and_gateways_will_believe_it(drill: Drill) -> None:
    before, revision, keys = drill.rows(), drill.revision(), drill.keys
    records = Path(drill.environment["APIM_RECORDS_FOLDER"], RECORDS)
    drill.change(LOSS)
    drill.lose_keys()
    records.unlink()
    assert "is sound" in drill.apim("backup", str(drill.backup), "--check")
    assert "--replace" in drill.apim("restore", str(drill.backup), is_bad=True)
    assert drill.rows() != before
    told = drill.apim("restore", str(drill.backup), "--replace")
    assert "is restored" in told
    assert told.count("is kept in") == 2
    assert drill.rows() == before
    assert drill.keys == keys
    assert drill.revision() > revision
    assert records.read_bytes() == b"PAR1"


@pytest.mark.slow
def test_a_backup_of_a_newer_version_leaves_what_was_there(drill: Drill) -> None:
    drill.change(
        "from django.db.migrations.recorder import MigrationRecorder as R; from django.db import connection as c; "
        "R(c).record_applied('access', '9999_of_tomorrow')"
    )
    newer = drill.backup.with_name("tomorrow.backup")
    drill.apim("backup", str(newer))
    drill.apim("restore", str(drill.backup), "--replace")
    before = drill.rows()
    assert "newer version" in drill.apim("restore", str(newer), "--replace", is_bad=True)
    assert drill.rows() == before


@pytest.mark.slow
def test_a_restore_that_is_killed_can_be_done_again(drill: Drill) -> None:
    before = drill.rows()
    drill.change(LOSS)
    command = (sys.executable, "-m", "apim.cli", "restore", str(drill.backup), "--replace")
    for patience_s in (0.3, 0.6, 1.2):
        with subprocess.Popen(command, cwd=ROOT, env=drill.environment, stderr=subprocess.DEVNULL) as restoring:
            time.sleep(patience_s)
            restoring.kill()
    drill.apim("restore", str(drill.backup), "--replace")
    assert drill.rows() == before
