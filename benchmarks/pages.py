"""P10: server time and queries of the pages of portal and console, over a thousand APIs and a hundred million calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.pages_server import postgresql
from benchmarks.subjects import Bench, Extent

GOAL_MS = 100.0


def pages(bench: Bench, extent: Extent) -> dict[str, object]:
    """What each page takes; on the PostgreSQL of extent.data, on APIM_BENCH_DATABASE_URL, or else on SQLite.

    The data stays where it is: a second run measures without building.
    """
    kept = Path(os.environ.get("APIM_HOME") or tempfile.gettempdir()) / "bench-pages"
    home = bench.folder / "pages" if extent.is_short else kept
    home.mkdir(parents=True, exist_ok=True)
    named = nullcontext(os.environ.get("APIM_BENCH_DATABASE_URL", ""))
    with postgresql(extent.data.resolve()) if extent.data else named as database:
        told = _measured(home, database, extent)
    rows = {name: row for name, row in told.items() if isinstance(row, dict) and "p95_ms" in row}
    slow = {key: [name for name, row in rows.items() if row[key] > GOAL_MS] for key in ("p95_ms", "cpu_ms")}
    return {**told, "above the goal": {"ms": GOAL_MS, "pages": len(rows), **slow}}


def _measured(home: Path, database: str, extent: Extent) -> dict[str, Any]:
    settings = {**os.environ, "APIM_HOME": str(home), "DATABASE_URL": database, "REDIS_URL": "",
                "DJANGO_SETTINGS_MODULE": "apim.config.settings"}  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "benchmarks.pages_program",
        *(["--short", "--rounds", "3"] if extent.is_short else []),
    ]
    ended = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        message = "benchmarks.pages_program ended with an error; it stands above."
        raise RuntimeError(message)
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told
