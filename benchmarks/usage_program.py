"""`python -m benchmarks.usage_program`: takes in usage as gateways hand it in, and tells what a record cost.

It works on the database that DATABASE_URL names. What is measured is all that a batch costs beside HTTP: its decoding,
its records made durable, its sums. CPU seconds are of this process and, on PostgreSQL, of all processes of the server.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - models want Django to be set up
from django.db import connection  # noqa: E402

from apim.audit.actor import system_actor  # noqa: E402
from apim.gateways.models import Gateway  # noqa: E402
from apim.gateways.services import default_environment, enroll_gateway  # noqa: E402
from apim.usage.models import UsageRecord, VersionRollup  # noqa: E402
from apim.usage.receiving import HandedIn  # noqa: E402
from apim.usage.services import ingest_all  # noqa: E402
from gateway_sync import usage_wire  # noqa: E402
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY, MAX_RECORDS, UsageBody, UsageContext  # noqa: E402

_APIS, _OPERATIONS = 50, 6
_CODES = ["", "rate-limited", "quota-exhausted", "upstream-unreachable"]
_ENDS = ((200, 0),) * 92 + ((404, 0),) * 3 + ((429, 1),) * 2 + ((500, 0),) * 2 + ((502, 3),)
_FLOOR = os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Build, take in, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--applications", type=int, default=200)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--rate", type=int, default=10_000, help="records a second in the time that the records tell")
    parser.add_argument("--together", type=int, default=10, help="batches of a transaction, as they come at once")
    arguments = parser.parse_args()
    call_command("migrate", verbosity=0)
    gateway = enroll_gateway(
        environment=default_environment(), name=f"bench-{time.time_ns()}", by=system_actor("bench")
    ).gateway
    bodies = list(_bodies(arguments.applications, arguments.batches + 5, arguments.rate))
    ingest_all([HandedIn(gateway, usage_wire.decode_batch(body)) for body in bodies[:5]])
    told = _taken_in(gateway, bodies[5:], arguments.together)
    held = UsageRecord.objects.filter(gateway_id=gateway.pk).count()
    records = len(bodies) * MAX_RECORDS
    if held != records:
        print(f"{held} records are stored of {records} that were handed in", file=sys.stderr)
        return 1
    sums = sum(VersionRollup.objects.filter(period="day", version_id="*").values_list("calls", flat=True))
    print(
        json.dumps(
            {**told, "together": arguments.together, "applications": arguments.applications, "calls in the sums": sums}
        )
    )
    return 0


def _taken_in(gateway: Gateway, bodies: list[bytes], together: int) -> dict[str, object]:
    began, own, theirs = time.perf_counter(), time.process_time(), _server_s()
    decoding = 0.0
    walls = []
    for place in range(0, len(bodies), together):
        start, at = time.perf_counter(), time.process_time()
        those = [HandedIn(gateway, usage_wire.decode_batch(body)) for body in bodies[place : place + together]]
        decoding += time.process_time() - at
        ingest_all(those)
        walls.append(time.perf_counter() - start)
    count = len(bodies) * MAX_RECORDS
    wall, own, theirs = time.perf_counter() - began, time.process_time() - own, _server_s() - theirs
    return {
        "records": count,
        "records_per_core_s": round(count / (own + theirs)),
        "records_per_wall_s": round(count / wall),
        "python_us": round(own / count * 1e6, 1),
        "of_it_decoding_us": round(decoding / count * 1e6, 1),
        "database_us": round(theirs / count * 1e6, 1),
        "transaction_ms": {"p50": round(statistics.median(walls) * 1e3), "max": round(max(walls) * 1e3)},
    }


def _bodies(applications: int, count: int, rate: int) -> Iterator[bytes]:
    """Requests of shippers of four workers. Few applications and APIs make most of the calls (Zipf's law)."""
    chance = random.Random(9)  # noqa: S311 - the same data each time
    weights = list(itertools.accumulate(1 / rank for rank in range(1, applications + 1)))
    contexts: dict[tuple[int, int, int], tuple[int, UsageContext]] = {}
    boots = [f"{chance.getrandbits(128):032x}" for _ in range(4)]
    first = [1] * len(boots)
    at_us = time.time_ns() // 1000 - count * MAX_RECORDS * 1_000_000 // rate
    for index in range(count):
        worker = index % len(boots)
        records, used = [], {}
        for seq in range(first[worker], first[worker] + MAX_RECORDS):
            at_us += 1_000_000 // rate
            caller = bisect.bisect(weights, chance.random() * weights[-1])
            api, operation = caller * 7 % _APIS, min(int(chance.expovariate(1)), _OPERATIONS - 1)
            key = (caller, api, operation)
            if key not in contexts:
                contexts[key] = (len(contexts) + 1, _context(*key))
            number, context = contexts[key]
            used[number] = context
            status, code = chance.choice(_ENDS)
            took = int(chance.lognormvariate(9, 0.6))
            path = f"/accounts/{chance.randrange(10_000)}".encode()
            records.append(
                FINAL_BODY.pack(seq, seq, status, code, took, took // 2, 0, 800 + took % 64)
                + ADMIT_HEAD.pack(seq, at_us, number, 0)
                + path
            )
        last = first[worker] + MAX_RECORDS - 1
        yield usage_wire.encode_body(UsageBody(boots[worker], worker, first[worker], last, _CODES, used, records))
        first[worker] = last + 1


def _context(caller: int, api: int, operation: int) -> UsageContext:
    return UsageContext(
        f"ver_{api:028d}", f"GET /accounts/{{id}}/parts-{operation}", f"org_{caller // 3:028d}", f"app_{caller:028d}",
        f"crd_{caller:028d}", f"sub_{caller:028d}", f"plv_{caller % 5:028d}",
    )  # fmt: skip


def _server_s() -> float:
    """CPU seconds of the server's processes, those that have ended included; 0 on SQLite."""
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    parent = int(_stat(backend)[1])
    ticks = sum(map(int, _stat(parent)[11:15]))
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                fields = _stat(int(process.name))
            except OSError:
                continue
            if int(fields[1]) == parent:
                ticks += sum(map(int, fields[11:13]))
    return ticks / _FLOOR


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name, which may hold blanks."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return told.rpartition(")")[2].split()


if __name__ == "__main__":
    sys.exit(main())
