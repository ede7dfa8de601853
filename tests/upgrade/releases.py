"""Programs of one release or the other: their environment, `manage.py`, and the web."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processes


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """The environment of programs of an installation in home, which know nothing of this run's own settings."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    ours = ("APIM_", "DJANGO_", "PYTEST_", "DATABASE_URL")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    settings = {"APIM_HOME": str(home), "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "apim.config.settings"}
    return inherited | settings | more


def manage(sources: Path, environment: Mapping[str, str], *arguments: str) -> str:
    """What a command of the sources' own `manage.py` prints."""
    command = (sys.executable, "manage.py", *arguments)
    ended = subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@contextmanager
def web_of(sources: Path, environment: Mapping[str, str], log: Path, port: int = 0) -> Iterator[str]:
    """The address of the sources' web, as long as the block runs."""
    port = port or processes.free_port()
    options = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "16", "--no-ws")
    command = (sys.executable, "-m", "granian", *options, "apim.config.wsgi:application")
    with running(command, sources, environment, log, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(
    command: tuple[str, ...], sources: Path, environment: Mapping[str, str], log: Path, port: int
) -> Iterator[None]:
    """A program of the sources that listens at the port, as long as the block runs."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=sources, env=dict(environment), stdout=output, stderr=output, process_group=0
        )
    try:
        processes.wait_for_port(port, process, log)
        yield
    finally:
        processes.end(process)
