"""`apim doctor` on an installation that is broken, and where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from apim.keyring import load_keyring
from apim.up.options import ROOT


def doctor(environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "apim.cli", "doctor", *options)
    return subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False)


def test_where_there_is_no_installation_none_is_made(empty_database: Mapping[str, str]) -> None:
    ended = doctor(empty_database)
    assert ended.returncode == 1
    assert "There is no installation here" in ended.stderr
    assert not (Path(empty_database["APIM_HOME"]) / "keys").exists()


def test_a_database_without_its_tables_is_told_with_the_mend(empty_database: Mapping[str, str]) -> None:
    load_keyring.__wrapped__(Path(empty_database["APIM_HOME"]) / "keys" / "keys.json")
    ended = doctor(empty_database, "-o", "json", "--within", "120")

    assert ended.returncode == 1, ended.stderr
    found = {each["name"]: each for each in json.loads(ended.stdout)}
    assert found["database"]["state"] == "green"
    assert (found["migrations"]["state"], found["migrations"]["command"]) == ("red", "python manage.py migrate")
    assert found["redis"]["state"] == found["gateways"]["state"] == "red"
    assert found["disk"]["text"]
