"""The table of records becomes one divided by day while the release before goes on writing and reading it (R6)."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import psycopg
import pytest

from apim.up.options import ROOT
from benchmarks.stores import PostgreSQL
from tests.upgrade.test_old_web import manage
from tests.waiting import wait_until

ROWS, A_BATCH = 100_000, 200

pytestmark = pytest.mark.slow

# As the release before wrote it: no key is named.
INSERT = """
INSERT INTO usage_usagerecord (gateway_id, boot, seq, request_id, client_request_id, at, environment_id, version_id,
    operation, path, organization_id, application_id, credential_id, subscription_id, plan_version_id, status, code,
    is_indeterminate, duration_us, upstream_us, request_bytes, response_bytes)
SELECT 'g', 'b', n, 'b-' || n, '', %s::timestamptz + n * interval '1 millisecond', 'e', 'v', 'GET /', '/', 'o', 'a',
    'c', 's', 'p', 200, '', false, 1, 1, 0, 0 FROM generate_series(%s::bigint, %s::bigint) n
ON CONFLICT DO NOTHING RETURNING seq
"""


@pytest.fixture
def database() -> Iterator[str]:
    server = PostgreSQL()
    server.start()
    yield server.url
    server.remove()


class OldRelease:
    """Writes batches, each twice, and counts what is there, until told to end."""

    def __init__(self, url: str, since: datetime, written: int) -> None:
        self.written, self.rounds = written, 0
        self.faults: list[str] = []
        self._url, self._since = url, since
        self._is_over = threading.Event()
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
        wait_until(lambda: self.rounds >= wanted or bool(self.faults), "the old release went on")

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._is_over.is_set() and not self.faults:
                batch = (self._since, self.written + 1, self.written + A_BATCH)
                new = [len(connection.execute(INSERT, batch).fetchall()) for _ in range(2)]
                self.written += A_BATCH
                (there,) = connection.execute("SELECT count(*) FROM usage_usagerecord").fetchone() or (0,)
                if (new, there) != ([A_BATCH, 0], self.written):
                    self.faults.append(f"{new} were new, and {there} are there of {self.written}")
                self.rounds += 1


def test_no_record_is_lost_doubled_or_hidden_while_the_table_is_divided(database: str, tmp_path: Path) -> None:
    settings = {
        **{name: text for name, text in os.environ.items() if not name.startswith(("APIM_", "DJANGO_", "PYTEST_"))},
        "APIM_HOME": str(tmp_path), "DATABASE_URL": database, "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "apim.config.settings",
    }  # fmt: skip
    manage(ROOT, settings, "migrate", "usage", "0007", "--verbosity=0")
    since = datetime.now(UTC) - timedelta(days=1)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(INSERT, (since, 1, ROWS))
    with OldRelease(database, since, ROWS) as old:
        old.wait(3)
        manage(ROOT, settings, "migrate", "usage", "--verbosity=0")
        old.wait(3)
    assert old.faults == []
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT tableoid::regclass::text, count(*) FROM usage_usagerecord GROUP BY 1")
        assert found.fetchall() == [("usage_usagerecord_before", old.written)]
    print(f"\n{old.rounds} rounds of the old release, {old.written} records")
