"""The web of the release before goes on reading and writing while the next one migrates, and beside it afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from apim.up.options import ROOT
from tests.upgrade.going_on import GoingOn
from tests.upgrade.releases import environment_of, manage, web_of

PAGES = ("/", "/pricing", "/apis/bank", "/apis/bank/v1/reference", "/llms.txt", "/healthz/ready")

pytestmark = [pytest.mark.slow, pytest.mark.product]


class Visitor:
    """Reads pages and writes over REST, a round at a time."""

    def __init__(self, client: httpx.Client, token: str, name: str) -> None:
        self.name = name
        self.answers: Counter[str] = Counter()
        self._client, self._token = client, token
        self._faults: list[str] = []

    def visit(self, number: int) -> list[str]:
        """What was not answered well in a round."""
        self._faults = []
        for page in PAGES:
            self._note("GET", page, self._client.get(page))
        self._write(f"{self.name}-{number}")
        return self._faults

    def _write(self, name: str) -> None:
        self._client.headers["Authorization"] = f"Bearer {self._token}"
        made = self._rest("POST", "applications", {"name": name, "organization": "acme"})
        key = self._rest("POST", "credentials", {"application": made.get("id")})
        self._rest("POST", f"credentials/{key.get('id')}/revoke", {})
        self._rest("PATCH", f"applications/{made.get('id')}", {"display_name": "Renamed"})
        self._rest("DELETE", f"applications/{made.get('id')}", None)
        del self._client.headers["Authorization"]

    def _rest(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        answer = self._client.request(method, f"/api/v1/{path}", json=body)
        self._note(method, path.split("/", maxsplit=1)[0], answer)
        return dict(answer.json()) if answer.content else {}

    def _note(self, method: str, path: str, answer: httpx.Response) -> None:
        self.answers[f"{method} {path} {answer.status_code}"] += 1
        if not answer.is_success:
            self._faults.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")


@contextmanager
def visited(url: str, token: str, name: str) -> Iterator[tuple[Visitor, GoingOn]]:
    """Somebody who visits the web as long as the block runs."""
    with httpx.Client(base_url=url, timeout=60) as client:
        visitor = Visitor(client, token, name)
        with GoingOn(name, visitor.visit) as visits:
            yield visitor, visits


def test_the_web_of_the_release_before_works_while_and_after_the_next_one_migrates(
    database: str, before: Path, tmp_path: Path
) -> None:
    settings = environment_of(tmp_path / "home", DATABASE_URL=database)
    old = settings | {"PYTHONPATH": str(before)}
    places = ("--control-url=http://127.0.0.1:1", "--gateway-url=http://127.0.0.1:2")
    prepare = ("prepare_installation", "--fresh", f"--credentials={tmp_path / 'c.json'}", *places)
    example = f"--example={before / 'examples' / 'bank' / 'apim.yaml'}"
    token = json.loads(manage(before, old, *prepare, example))["token"]
    with web_of(before, old, tmp_path / "old.log") as url, visited(url, token, "old") as (visitor, visits):
        visits.wait(2)
        manage(ROOT, settings, "migrate", "--verbosity=0")
        visits.wait(3)
        with (
            web_of(ROOT, settings, tmp_path / "new.log") as new_url,
            visited(new_url, token, "new") as (_, other_visits),
        ):
            other_visits.wait(3)
            visits.wait(3)
    assert visits.faults == []
    assert other_visits.faults == []
    print(f"\nrounds of the old web {visits.rounds}, of the new one {other_visits.rounds}: {dict(visitor.answers)}")
