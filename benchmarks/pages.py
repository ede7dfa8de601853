"""P10: server time and queries of the pages of portal and console, over a thousand APIs and a hundred million calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.subjects import Bench, Extent

GOAL_MS = 100.0


def pages(bench: Bench, extent: Extent) -> dict[str, object]:
    """What each page takes; on SQLite in a home of its own, or on the database APIM_BENCH_DATABASE_URL names.

    The data stays where it is: a second run measures without building.
    """
    kept = Path(os.environ.get("APIM_HOME") or tempfile.gettempdir()) / "bench-pages"
    home = bench.folder / "pages" if extent.is_short else kept
    home.mkdir(parents=True, exist_ok=True)
    settings = {**os.environ, "APIM_HOME": str(home), "DATABASE_URL": os.environ.get("APIM_BENCH_DATABASE_URL", ""),
                "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "apim.config.settings"}  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "benchmarks.pages_program",
        *(["--short", "--rounds", "3"] if extent.is_short else []),
    ]
    ended = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr[-2000:])
    told: dict[str, object] = json.loads(ended.stdout.splitlines()[-1])
    slow = [name for name, row in told.items() if isinstance(row, dict) and float(row.get("p95_ms", 0)) > GOAL_MS]
    return {**told, "above the goal": {"ms": GOAL_MS, "pages": slow}}
