"""Whoever moves records to files may be killed at any moment: each record stays, and stays one. Promise B1 (R6)."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from apim.up.options import ROOT

RECORDS = 30_000
KILLS = 30

pytestmark = [pytest.mark.slow, pytest.mark.fault]

# Prints each time that everything was moved, so that the killer knows that it may go on.
MOVER = """
import django, sys
django.setup()
from datetime import datetime, timedelta, UTC
from pathlib import Path
from apim.usage.records import moving
moving.ROWS_AT_MOST = {"postgresql": 1000, "sqlite": 1000}
print("begun", flush=True)
moving.move(Path(sys.argv[1]), until=datetime(2027, 1, 1, tzinfo=UTC))
print("moved", flush=True)
"""
MAKER = """
import django, sys
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from datetime import timedelta
from apim.audit.actor import system_actor
from apim.gateways.services import default_environment, enroll_gateway
from tests.factories.usage import NOON, batch, event, ingest
gateway = enroll_gateway(environment=default_environment(), name="g", by=system_actor("test")).gateway
for start in range(1, int(sys.argv[1]) + 1, 5000):
    events = (event(n, at=NOON + timedelta(seconds=n)) for n in range(start, start + 5000))
    ingest(gateway=gateway, batch=batch(*events))
"""
COUNTER = """
import django, sys, json
django.setup()
from pathlib import Path
from apim.usage.models import UsageRecord, RecordFile
from apim.usage.records import Asked
from apim.usage.records.files import FileLog
log = FileLog(Path(sys.argv[1]))
seqs = sorted(record.seq for record in log.newest(Asked(), limit=10**6))
print(json.dumps({"whole": seqs == list(range(1, len(seqs) + 1)), "records": len(seqs),
    "counted": sum(log.count_by_minute(Asked()).values()), "rows": UsageRecord.objects.count(),
    "noted": sum(RecordFile.objects.values_list("records", flat=True))}))
"""


def run(settings: Mapping[str, str], program: str, argument: object) -> str:
    command = (sys.executable, "-c", program, str(argument))
    ended = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_no_kill_of_a_move_loses_or_doubles_a_record(
    empty_database: Mapping[str, str],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "records"
    run(empty_database, MAKER, RECORDS)
    chance = random.Random(6)  # noqa: S311 - the same kills each time
    killed = 0
    for _ in range(KILLS):
        command = (sys.executable, "-c", MOVER, str(folder))
        with subprocess.Popen(command, cwd=ROOT, env=empty_database, stdout=subprocess.PIPE, text=True) as mover:
            assert mover.stdout is not None
            assert mover.stdout.readline() == "begun\n"
            time.sleep(chance.random() * 0.5)  # a moment of the work, whichever it is
            mover.kill()
            killed += mover.stdout.readline() == ""
        told = json.loads(run(empty_database, COUNTER, folder))
        assert (told["whole"], told["records"], told["counted"]) == (True, RECORDS, RECORDS)
        assert told["rows"] + told["noted"] == RECORDS
        if not told["rows"]:
            break
    run(empty_database, MOVER, folder)
    told = json.loads(run(empty_database, COUNTER, folder))
    assert told == {"whole": True, "records": RECORDS, "counted": RECORDS, "rows": 0, "noted": RECORDS}
    assert killed
    print(f"\n{killed} of the moves were killed; {len(list(folder.iterdir()))} files are in the folder")
