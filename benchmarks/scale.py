"""What states of several sizes cost: bytes, seconds and memory of each part; docs/explain/scale.md extrapolates."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchmarks.processes import rss_bytes
from benchmarks.state import Size, access_records, make_rows, state_of
from benchmarks.subjects import Bench, Extent
from gateway_sync.runtime.access_file import AccessFile
from gateway_sync.runtime.access_state import AccessPage, AccessState
from gateway_sync.snapshot import change_between, decode

KEYS, APIS = (10_000, 100_000, 1_000_000), (100, 1_000, 10_000)
_ROUTES_AN_API, _PAGE = 10, 10_000
_REVOCATIONS = 100

T = TypeVar("T")


def scale(bench: Bench, extent: Extent) -> dict[str, object]:
    """By number of keys and of APIs; each size in a process of its own, whose memory tells of nothing else."""
    told: dict[str, object] = {}
    for what, numbers in (("keys", KEYS), ("apis", APIS)):
        for number in numbers[:1] if extent.is_short else numbers:
            told[f"{number:,} {what}"] = _apart(what, number, str(bench.folder / f"{what}-{number}"))
    return told


def _apart(what: str, number: int, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", what, str(number), folder]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def measure_keys(number: int, folder: str) -> dict[str, object]:
    """A gateway's access records from the first page to the file that its workers map, and a revocation of one key."""
    records = list(access_records(Size(_ROUTES_AN_API, number)))
    starts = range(0, len(records), _PAGE)
    pages = [msgspec.json.encode(records[start : start + _PAGE]) for start in starts]
    wire = sum(map(len, pages))
    count = len(records)
    del records
    state, before = AccessState(Path(folder)), rss_bytes([os.getpid()])
    began = time.perf_counter()
    upto = 0
    for start, page in zip(starts, pages, strict=True):
        upto = min(start + _PAGE, count)
        state.take(AccessPage(start, upto, start == 0, msgspec.Raw(page), more=page is not pages[-1]), is_pushed=False)
    taken_s = time.perf_counter() - began
    file = state.file
    assert file is not None  # noqa: S101 - written with the last page
    _, opened_s = _timed(lambda: AccessFile(file, is_checked=True))
    gone = [("credential", f"{n:064x}", None) for n in range(_REVOCATIONS)]
    _, revoked_s = _timed(
        lambda: [
            state.take(
                AccessPage(upto + n, upto + n + 1, records=msgspec.Raw(msgspec.json.encode([each]))), is_pushed=True
            )
            for n, each in enumerate(gone)
        ]
    )
    return {
        "wire_mb": round(wire / 1e6, 1),
        "file_mb": round(file.stat().st_size / 1e6, 1),
        "file_bytes_a_key": round(file.stat().st_size / number),
        "taken_s": round(taken_s, 2),
        "opened_and_checked_s": round(opened_s, 3),
        "one_revocation_on_disk_ms": round(revoked_s / _REVOCATIONS * 1000, 2),
        "supervisor_mib_meanwhile": (rss_bytes([os.getpid()]) - before) // 1024**2,
    }


def measure_apis(number: int, _folder: str) -> dict[str, object]:
    """The compilation of APIs with ten routes each, whole and after one has changed, and what is sent of it."""
    size = Size(number * _ROUTES_AN_API, 1)
    rows = make_rows(size, 9)
    first, compiled_s = _timed(lambda: state_of(size, rows))
    changed = state_of(size, make_rows(size, 9, 2), 2)
    sent = {key: text for key, text in changed.fragments.items() if key not in first.fragments}
    change = change_between(first.manifest.fragments, changed.manifest.fragments)
    message = msgspec.json.encode(
        {"manifest": replace(changed.manifest, fragments={}), "fragments": sent, "change": change}
    )
    contents = {name: first.fragments[key].encode() for name, key in first.manifest.fragments.items()}
    _, decoded_s = _timed(lambda: decode(contents))
    return {
        "compiled_s": round(compiled_s, 2),
        "state_mb": round(sum(map(len, first.fragments.values())) / 1e6, 2),
        "manifest_kb": round(len(msgspec.json.encode(changed.manifest)) / 1e3, 1),
        "change_of_one_route_kb": round(len(message) / 1e3, 1),
        "checked_by_a_gateway_s": round(decoded_s, 2),
    }


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def main(arguments: Sequence[str]) -> None:
    """Measure one size and print it as JSON."""
    what, number, folder = arguments
    measured = {"keys": measure_keys, "apis": measure_apis}[what](int(number), folder)
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
