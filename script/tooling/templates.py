"""Databases that are migrated once for a whole run of the tests, and copied by whoever needs one.

To migrate takes seconds of a processor, and some twenty databases are made in a run. The migrations themselves have
tests of their own, which begin with nothing; see tests/schema.py for the other side.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tooling.debian import find
from tooling.environment import PYTHON, ROOT

DATABASE = "apim_template"


@dataclass(frozen=True, slots=True)
class Template:
    """A database that is being migrated. Shapes: variables tell tests where it is."""

    process: subprocess.Popen
    variables: Mapping[str, str]

    def ready(self) -> Mapping[str, str]:
        """The variables, once it is there; none when it could not be made: then each test says so itself."""
        if self.process.wait() == 0:
            return self.variables
        sys.stdout.write("!!! the database to copy could not be migrated: each test migrates its own\n")
        return {}


@contextmanager
def sqlite(home: Path, environment: Mapping[str, str]) -> Iterator[Template]:
    """A data directory with keys and a migrated database."""
    home.mkdir()
    with _migrating({**environment, "APIM_HOME": str(home)}) as process:
        yield Template(process, {"APIM_TEST_TEMPLATE_HOME": str(home)})


@contextmanager
def postgresql(url: str, home: Path, environment: Mapping[str, str]) -> Iterator[Template]:
    """A migrated database on the server of the URL, to which nobody connects."""
    server, _, _ = url.rpartition("/")
    home.mkdir()
    subprocess.run([find("createdb"), "--maintenance-db", url, DATABASE], check=True)
    told = {**environment, "APIM_HOME": str(home), "DATABASE_URL": f"{server}/{DATABASE}"}
    with _migrating(told) as process:
        yield Template(process, {"APIM_TEST_TEMPLATE_DATABASE": DATABASE})


@contextmanager
def _migrating(environment: Mapping[str, str]) -> Iterator[subprocess.Popen]:
    command = [PYTHON, os.fspath(Path(ROOT) / "manage.py"), "migrate", "-v0"]
    process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
