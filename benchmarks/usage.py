"""P9: what it costs to take in a usage record, durable and rolled up, on a PostgreSQL of its own with its defaults."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.pages_server import postgresql
from benchmarks.subjects import Bench, Extent


def usage(bench: Bench, extent: Extent) -> dict[str, object]:
    """Microseconds of Python and of PostgreSQL a record, alone and ten batches at once, of few and of many callers."""
    home = bench.folder / "usage"
    home.mkdir()
    bench.folder.chmod(0o711)  # PostgreSQL's account passes through
    batches = 2 if extent.is_short else 50
    told: dict[str, object] = {}
    for applications in (50,) if extent.is_short else (200, 2_000):
        for together in (10, 1):
            with postgresql(bench.folder / f"usage-{applications}-{together}", is_durable=True) as database:
                settings = {
                    **os.environ, "APIM_HOME": str(home), "DATABASE_URL": database, "REDIS_URL": "",
                    "DJANGO_SETTINGS_MODULE": "apim.config.settings",
                }  # fmt: skip
                command = [
                    sys.executable, "-m", "benchmarks.usage_program", f"--applications={applications}",
                    f"--together={together}", f"--batches={batches}", "--rate=50000",
                ]  # fmt: skip
                ended = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=True)
            told[f"{applications} callers, {together} at once"] = json.loads(ended.stdout.splitlines()[-1])
    return told
