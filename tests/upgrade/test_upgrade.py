"""Databases of earlier releases are brought to the present by `migrate` alone, with all that is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apim.up.options import ROOT

HERE = Path(__file__).parent
RELEASES = sorted(HERE.glob("*.jsonl"))


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
