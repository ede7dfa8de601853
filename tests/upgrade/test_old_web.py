"""The web of the release before goes on reading and writing while the next one migrates, and beside it afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from apim.up.options import ROOT
from benchmarks import processes
from benchmarks.stores import PostgreSQL
from tests.waiting import wait_until

RELEASE_BEFORE = "59973ae"  # a commit; the sources of what runs where this release is installed
PAGES = ("/", "/pricing", "/apis/bank", "/apis/bank/v1/reference", "/llms.txt", "/healthz/ready")

pytestmark = [pytest.mark.slow, pytest.mark.product]


@pytest.fixture
def database() -> Iterator[str]:
    server = PostgreSQL()
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


def manage(sources: Path, settings: Mapping[str, str], *arguments: str) -> str:
    command = (sys.executable, "manage.py", *arguments)
    ended = subprocess.run(command, cwd=sources, env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@contextmanager
def web_of(sources: Path, settings: Mapping[str, str], log: Path, port: int = 0) -> Iterator[str]:
    port = port or processes.free_port()
    options = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "16", "--no-ws")
    command = (sys.executable, "-m", "granian", *options, "apim.config.wsgi:application")
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=sources, env=dict(settings), stdout=output, stderr=output, process_group=0
        )
    try:
        processes.wait_for_port(port, process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        processes.end(process)


class Visitors:
    """Read pages and write over REST, one round after another, until told to end."""

    def __init__(self, url: str, token: str, name: str) -> None:
        self.url, self.name = url, name
        self.answers: Counter[str] = Counter()
        self.rounds = 0
        self.faults: list[str] = []
        self._is_over = threading.Event()
        self._token = token
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def wait(self, rounds: int) -> None:
        """Return after so many more rounds."""
        wanted = self.rounds + rounds
        wait_until(lambda: self.rounds >= wanted or self.faults, f"{self.name} went on")

    def _run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as client:
            while not self._is_over.is_set():
                for page in PAGES:
                    self._note("GET", page, client.get(page))
                self._write(client, f"{self.name}-{self.rounds}")
                self.rounds += 1

    def _write(self, client: httpx.Client, name: str) -> None:
        client.headers["Authorization"] = f"Bearer {self._token}"
        made = self._rest(client, "POST", "applications", {"name": name, "organization": "acme"})
        key = self._rest(client, "POST", "credentials", {"application": made.get("id")})
        self._rest(client, "POST", f"credentials/{key.get('id')}/revoke", {})
        self._rest(client, "PATCH", f"applications/{made.get('id')}", {"display_name": "Renamed"})
        self._rest(client, "DELETE", f"applications/{made.get('id')}", None)
        del client.headers["Authorization"]

    def _rest(self, client: httpx.Client, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        answer = client.request(method, f"/api/v1/{path}", json=body)
        self._note(method, path.split("/", maxsplit=1)[0], answer)
        return dict(answer.json()) if answer.content else {}

    def _note(self, method: str, path: str, answer: httpx.Response) -> None:
        self.answers[f"{method} {path} {answer.status_code}"] += 1
        if not answer.is_success:
            self.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")


def test_the_web_of_the_release_before_works_while_and_after_the_next_one_migrates(
    database: str, before: Path, tmp_path: Path
) -> None:
    (tmp_path / "home" / "run").mkdir(parents=True)
    settings = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("APIM_", "DJANGO_", "PYTEST_"))},
        "APIM_HOME": str(tmp_path / "home"), "DATABASE_URL": database, "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "apim.config.settings",
    }  # fmt: skip
    old = settings | {"PYTHONPATH": str(before)}
    places = ("--control-url=http://127.0.0.1:1", "--gateway-url=http://127.0.0.1:2")
    prepare = ("prepare_installation", "--fresh", f"--credentials={tmp_path / 'c.json'}", *places)
    example = f"--example={before / 'examples' / 'bank' / 'apim.yaml'}"
    token = json.loads(manage(before, old, *prepare, example))["token"]
    with web_of(before, old, tmp_path / "old.log") as url, Visitors(url, token, "old") as visitors:
        visitors.wait(2)
        manage(ROOT, settings, "migrate", "--verbosity=0")
        visitors.wait(3)
        with web_of(ROOT, settings, tmp_path / "new.log") as new_url, Visitors(new_url, token, "new") as others:
            others.wait(3)
            visitors.wait(3)
    assert visitors.faults == []
    assert others.faults == []
    print(f"\nrounds of the old web {visitors.rounds}, of the new one {others.rounds}: {dict(visitors.answers)}")
