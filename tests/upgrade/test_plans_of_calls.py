"""Sums of calls begin to name plans while a process of the release before goes on adding to them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from apim.up.options import ROOT
from tests.upgrade.going_on import GoingOn
from tests.upgrade.releases import environment_of, manage

ROWS = 50_000
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.slow

# As the release before adds: it names the key, and no plan.
ADD = """
INSERT INTO usage_usagerollup (period, at, environment_id, version_id, operation, application_id, subscription_id,
    status, code, calls, request_bytes, response_bytes)
SELECT 'hour', %s, 'e', 'v', 'GET /' || n, 'a', 's', 200, '', 1, 0, 0 FROM generate_series(1, %s) n
ON CONFLICT (period, at, environment_id, version_id, operation, application_id, subscription_id, status, code)
DO UPDATE SET calls = usage_usagerollup.calls + excluded.calls
"""
INDEX = """
SELECT indisvalid, pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid = to_regclass('rollup_of_plan_version')
"""


def test_sums_are_added_to_by_the_release_before_while_and_after_they_begin_to_name_plans(
    database: str, tmp_path: Path
) -> None:
    settings = environment_of(tmp_path, DATABASE_URL=database)
    manage(ROOT, settings, "migrate", "usage", "0013", "--verbosity=0")
    with psycopg.connect(database, autocommit=True) as old, psycopg.connect(database, autocommit=True) as other:
        old.execute(ADD, (NOON, ROWS))

        def add(_round: int) -> list[str]:
            old.execute(ADD, (NOON, 200))
            return []

        with GoingOn("the old release", add) as adding:
            adding.wait(3)
            manage(ROOT, settings, "migrate", "usage", "0014", "--verbosity=0")
            # Killed after its last step, with an index that is not whole, it is run once more.
            other.execute("DELETE FROM django_migrations WHERE app = 'usage' AND name LIKE '0014%'")
            other.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'rollup_of_plan_version'::regclass"
            )
            manage(ROOT, settings, "migrate", "usage", "0014", "--verbosity=0")
            adding.wait(3)
        assert adding.faults == []
        (calls, plans) = other.execute(
            "SELECT sum(calls), array_agg(DISTINCT plan_version_id) FROM usage_usagerollup"
        ).fetchone() or (0, [])
        assert (calls, plans) == (ROWS + 200 * adding.rounds, [""])
        (is_valid, made) = other.execute(INDEX).fetchone() or (False, "")
        assert is_valid
        assert "(period, plan_version_id, at)" in made
