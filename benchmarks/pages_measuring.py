"""What each page of portal and console takes over the data of pages_data: time in this process, queries, bytes."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Sum
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog.models import API
from apim.config.collecting import leave_out_what_is_loaded
from apim.usage.models import LatencyRollup, UsageRollup
from benchmarks import pages_data

PORTAL = (
    "/", "/?q=payments", "/?q=口座照会", "/apis/api-7", "/apis/api-7/v1/reference", "/pricing", "/my", "/my/apps",
    "/my/apps/{app}", "/my/apps/{app}/requests",
)  # fmt: skip
CONSOLE = (
    "", "apis", "apis/api-7", "apis/api-7/consumers", "apis/api-7/analytics", "apis/api-7/analytics/v1", "products",
    "plans", "approvals", "requests", "analytics", "analytics?range=7d", "analytics?range=30d", "analytics/errors",
    "analytics/errors?range=7d", "analytics/latency", "analytics/latency?range=30d", "analytics/latency?api=api-7",
    "analytics/consumers", "analytics/consumers?range=7d", "analytics/consumers?api=api-7&range=30d", "analytics/map",
    "analytics/map?range=7d", "analytics/map?api=api-7", "analytics/compare",
    "analytics/compare?a=api-7/v1&b=api-8/v1",
)  # fmt: skip
ADMIN = ("admin", "admin/gateways", "admin/users", "admin/applications", "admin/organizations", "admin/audit")


def main() -> int:
    """Build, measure, print; 1 where the database is somebody's."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--into-this-database", action="store_true", help="though it has data of its own")
    arguments = parser.parse_args()
    call_command("migrate", verbosity=0)
    built: dict[str, object] = {}
    if not pages_data.is_ours():
        if not pages_data.is_fresh() and not arguments.into_this_database:
            print("This database has data of its own: name another one, or say --into-this-database.", file=sys.stderr)
            return 1
        size = pages_data.Size(12, 40, 20_000, 2, 8, 200) if arguments.short else pages_data.Size()
        _make_room()
        began = time.monotonic()
        with transaction.atomic():
            pages_data.build(size)
        built["built_in_s"] = round(time.monotonic() - began)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("SET max_parallel_workers_per_gather = 0")
    days = UsageRollup.objects.filter(period="day").aggregate(calls=Sum("calls"))
    told = {
        "data": {
            "database": connection.vendor, "apis": API.objects.count(), "applications": Application.objects.count(),
            "calls": days["calls"], "roll_ups": UsageRollup.objects.count(),
            "latencies": LatencyRollup.objects.count(), **built,
        }
    }  # fmt: skip
    leave_out_what_is_loaded()
    with override_settings(ALLOWED_HOSTS=["*"]):
        told |= measure(arguments.rounds)
    print(json.dumps(told))
    return 0


def _make_room() -> None:
    """A cache that holds the indexes, where the database is in this process: else each row costs a page from disk."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size = -1500000")
            cursor.execute("PRAGMA synchronous = OFF")


def measure(rounds: int) -> dict[str, dict[str, object]]:
    """Each page as an owner of APIs, an admin or a developer sees it."""
    people = {name: Client() for name in ("admin", "owner", "developer")}
    developer = User.objects.get(email="developer-0@example.org")
    people["admin"].force_login(User.objects.get(email="admin@example.org"))
    owning = API.objects.get(name="api-7").organization.name.removeprefix("publisher-")
    people["owner"].force_login(User.objects.get(email=f"owner-{owning}@example.org"))
    people["developer"].force_login(developer)
    app = Application.objects.filter(organization__members=developer).first()
    pages = [("developer", path.format(app=app.pk if app else "")) for path in PORTAL]
    pages += [(who, f"/console/{path}") for who in ("owner", "admin") for path in CONSOLE]
    pages += [("admin", f"/console/{path}") for path in ADMIN]
    told = {}
    for who, path in pages:
        row = told[f"{who} {path}"] = measured(people[who], path, rounds)
        print(f"{who} {path} {row}", file=sys.stderr, flush=True)
    return told


def measured(client: Client, path: str, rounds: int) -> dict[str, object]:
    """Milliseconds from the request to the whole answer in this process, queries, bytes.

    Shapes: cpu_ms and database_cpu_ms are medians of what this process and PostgreSQL's for this session worked, and of
    the latter's part, where it runs on this machine: what to read on a machine that others keep busy.
    """
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    number = len(queries)  # now: the next request forgets them
    times, busy, database = [], [], []
    for _ in range(rounds):
        began, worked, served = time.perf_counter(), time.process_time(), _served()
        client.get(path)
        times.append((time.perf_counter() - began) * 1000)
        database.append((_served() - served) * 1000)
        busy.append((time.process_time() - worked) * 1000 + database[-1])
    size = len(b"".join(response)) if response.streaming else len(response.content)
    return {
        "status": response.status_code,
        "p50_ms": _at(0.5, times),
        "p95_ms": _at(0.95, times),
        "cpu_ms": _at(0.5, busy),
        "cpu_p95_ms": _at(0.95, busy),
        "database_cpu_ms": _at(0.5, database),
        "queries": number,
        "kb": round(size / 1000, 1),
    }


def _served() -> float:
    """Seconds of CPU so far of the server's process for this session; queries in parallel are switched off."""
    if connection.vendor != "postgresql":
        return 0.0
    told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(told.read_text().split()[0]) / 1e9 if told.exists() else 0.0


def _at(share: float, times: list[float]) -> float:
    return round(sorted(times)[min(len(times) - 1, int(len(times) * share))], 1)
