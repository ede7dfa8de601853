"""The table of records becomes one divided by day while the release before goes on writing and reading it (R6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from apim.up.options import ROOT
from tests.upgrade.going_on import GoingOn
from tests.upgrade.releases import environment_of, manage

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


class OldRelease:
    """Writes batches, each twice, and counts what is there."""

    def __init__(self, connection: psycopg.Connection, since: datetime, written: int) -> None:
        self.written = written
        self._connection, self._since = connection, since

    def write(self, _round: int) -> list[str]:
        """What a batch found that should be otherwise."""
        batch = (self._since, self.written + 1, self.written + A_BATCH)
        new = [len(self._connection.execute(INSERT, batch).fetchall()) for _ in range(2)]
        self.written += A_BATCH
        (there,) = self._connection.execute("SELECT count(*) FROM usage_usagerecord").fetchone() or (0,)
        if (new, there) == ([A_BATCH, 0], self.written):
            return []
        return [f"{new} were new, and {there} are there of {self.written}"]


def test_no_record_is_lost_doubled_or_hidden_while_the_table_is_divided(database: str, tmp_path: Path) -> None:
    settings = environment_of(tmp_path, DATABASE_URL=database)
    manage(ROOT, settings, "migrate", "usage", "0007", "--verbosity=0")
    since = datetime.now(UTC) - timedelta(days=1)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(INSERT, (since, 1, ROWS))
    with psycopg.connect(database, autocommit=True) as connection:
        old = OldRelease(connection, since, ROWS)
        with GoingOn("the old release", old.write) as writing:
            writing.wait(3)
            manage(ROOT, settings, "migrate", "usage", "--verbosity=0")
            writing.wait(3)
    assert writing.faults == []
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT tableoid::regclass::text, count(*) FROM usage_usagerecord GROUP BY 1")
        assert found.fetchall() == [("usage_usagerecord_before", old.written)]
    print(f"\n{writing.rounds} rounds of the old release, {old.written} records")


def test_indexes_are_made_where_a_killed_migration_left_some(database: str, tmp_path: Path) -> None:
    settings = environment_of(tmp_path, DATABASE_URL=database)
    manage(ROOT, settings, "migrate", "usage", "0012", "--verbosity=0")
    now = datetime.now(UTC)
    part = f"usage_usagerecord_{now:%Y%m%d}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(INSERT, (now - timedelta(seconds=1), 1, A_BATCH))
        connection.execute(f"CREATE INDEX {part}_of_version ON {part} (version_id varchar_pattern_ops, at DESC)")
        connection.execute(f"CREATE INDEX {part}_of_application ON {part} (path)")  # whatever it has: it is not whole
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (f"{part}_of_application",)
        )
    for _ in range(2):  # killed after its last step, it is run once more
        manage(ROOT, settings, "migrate", "usage", "0013", "--verbosity=0")
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DELETE FROM django_migrations WHERE app = 'usage' AND name LIKE '0013%'")
            found = connection.execute(
                "SELECT indexname, indexdef FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass"
                " WHERE tablename = %s AND indisvalid",
                (part,),
            )
            made = {name.removeprefix(f"{part}_"): text.partition(" btree ")[2] for name, text in found.fetchall()}
        assert made == {
            "at_idx": "(at)",
            "of_application": "(application_id varchar_pattern_ops, at DESC)",
            "of_version": "(version_id varchar_pattern_ops, at DESC)",
            "once_by_request": "(request_id varchar_pattern_ops, seq, gateway_id varchar_pattern_ops, at)",
        }
