"""Exports of the audit log, asked for as jobs of a running topology, and what became of them.

An export writes each entry once, part by part, so a part that was lost or written twice shows in its file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zlib

import psycopg

from apim.up.options import ROOT
from benchmarks.topology import Topology

ENTRIES = 60_000  # enough that workers are at it when they are cut off
JOBS = 6
# Entries as of another year: what the product notes meanwhile is not among those that are exported.
_FILL = """
INSERT INTO audit_auditevent (id, at, actor_kind, actor_id, actor_label, action, target_kind, target_id, target_label,
  organization_id, reason)
SELECT 'aud_0' || lpad(n::text, 20, '0'), timestamptz '2020-01-01' + n * interval '1 minute', 'system', '', 'a test',
  'test.note', 'test', n::text, '', '', '' FROM generate_series(1, %s) n
ON CONFLICT DO NOTHING
"""
_ASK = """
import json, sys, django; django.setup()
from datetime import date
from apim.accounts.models import User
from apim.audit.actor import system_actor
from apim.platform.job_kinds import ask_for_audit_export
by, name, count = system_actor("a test"), sys.argv[1], int(sys.argv[2])
user, _ = User.objects.get_or_create(email="asks@example.com", defaults={"is_platform_admin": True})
jobs = [ask_for_audit_export(
    filters={"until": date(2021, 1, 1 + n), "action": "test.note"}, form="jsonl", by=by, user=user, page=f"/{name}/{n}"
) for n in range(count)]
print(json.dumps([job.pk for job in jobs]))
"""


def exported(place: Topology, name: str) -> list[str]:
    """The ids of jobs that were just asked for, all of them of the same entries."""
    with psycopg.connect(place.postgresql.url) as connection:
        connection.execute(_FILL, (ENTRIES,))
    command = [sys.executable, "-c", _ASK, name, str(JOBS)]
    told = subprocess.run(command, cwd=ROOT, env=place.environment(), check=True, capture_output=True, text=True)
    ids: list[str] = json.loads(told.stdout)
    return ids


def wait_for_exports(place: Topology, jobs: list[str]) -> float:
    """The seconds until all of them were done; each file has each entry once."""
    with psycopg.connect(place.postgresql.url, autocommit=True) as connection:

        def are_done() -> bool:
            found = connection.execute("SELECT state, problems FROM jobs_job WHERE id = ANY(%s)", (jobs,)).fetchall()
            assert {state for state, _ in found} <= {"waiting", "running", "done"}, found
            return [state for state, _ in found] == ["done"] * len(jobs)

        took_s = place.wait_until(are_done, "the jobs are done", pause_s=0.5)
        for job in jobs:
            parts = connection.execute("SELECT data FROM jobs_jobpart WHERE job_id = %s ORDER BY number", (job,))
            lines = b"".join(zlib.decompress(data) for (data,) in parts).splitlines()
            assert len(lines) == len(set(lines)) == ENTRIES
    return took_s
