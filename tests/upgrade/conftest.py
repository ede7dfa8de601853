"""What tests of upgrades share: a PostgreSQL that is empty, and the release before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from apim.up.options import ROOT
from benchmarks.machines import Machines
from benchmarks.stores import PostgreSQL

RELEASE_BEFORE = "07314ec"  # a commit; the sources of what runs where this release is installed


@pytest.fixture
def database() -> Iterator[str]:
    """The address of a database of the test's own."""
    server = PostgreSQL(Machines())
    server.start()
    yield server.url
    server.remove()


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The sources of the release before."""
    folder = tmp_path / "before"
    folder.mkdir()
    packed = subprocess.run(("git", "archive", RELEASE_BEFORE), cwd=ROOT, capture_output=True, check=True)
    subprocess.run(("tar", "-x"), cwd=folder, input=packed.stdout, check=True)
    return folder
