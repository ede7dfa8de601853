"""`script/bench`: run the measurements, print the table, keep the result."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import fetched, interpreters, load, peers, rounds, subjects
from benchmarks.exchanges import kinds
from benchmarks.herd import herd
from benchmarks.kills import Course, kills_in_parts
from benchmarks.kills_tally import total
from benchmarks.latency import latency
from benchmarks.load import WrongAnswerError
from benchmarks.memory import memory
from benchmarks.pages import pages
from benchmarks.propagation import propagation
from benchmarks.scale import scale
from benchmarks.soak import Length, soak
from benchmarks.streaming import streaming
from benchmarks.subjects import Bench, Extent
from benchmarks.swaps import reloads, swaps
from benchmarks.tls import tls
from benchmarks.tunnels import tunnels
from benchmarks.usage import usage
from benchmarks.workers import workers

MEASUREMENTS: dict[str, tuple[str, Callable[[Bench, Extent], dict[str, object]]]] = {
    "growth": ("P4 growth", rounds.growth),
    "start": ("P11 exec to serving", rounds.start),
    "kinds": ("Nanoseconds an exchange, in one process", kinds),
    "memory": ("P5 memory", memory),
    "swaps": ("P6 states applied under load", swaps),
    "reloads": ("C7 a state each second at 2,000 requests a second", reloads),
    "streaming": ("P7 streaming", streaming),
    "latency": ("P2 latency added at half of the full load", latency),
    "workers": ("P3 two workers beside one", workers),
    "tls": ("P12 TLS beside nginx", tls),
    "tunnels": ("P12 open WebSockets", tunnels),
    "scale": ("What states of several sizes cost", scale),
    "herd": ("C6 two hundred gateways at once", herd),
    "propagation": ("P8 from a change to all workers", propagation),
    "usage": ("P9 usage taken in", usage),
    "pages": ("P10 pages over a thousand APIs and a hundred million calls", pages),
}
UNLOADED = ("scale", "herd", "propagation", "usage", "pages")  # minutes of their own, and no load on a gateway
UNASKED = ("throughput", *(name for name in MEASUREMENTS if name not in UNLOADED))
RESULTS = Path(__file__).parent / "results"
SATURATED = 0.95
SHORT_PER_S, UNBOUNDED = 300.0, 1e9  # calls of a soak


def main() -> int:
    """Measure what was asked for; the exit code is 1 for a wrong answer only."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the servers of a run end with it
    is_loading = arguments.soak or not set(arguments.only) <= set(UNLOADED)
    if is_loading and (shutil.which("wrk") is None or shutil.which("taskset") is None):
        print("script/bench: wrk and taskset are needed (Debian: wrk, util-linux).", file=sys.stderr)
        return 1
    extent = (
        Extent(2, 1, is_short=True)
        if arguments.short
        else Extent(arguments.rounds, arguments.seconds, is_short=False, data=arguments.data)
    )
    scratch = Path(os.environ.get("APIM_HOME") or tempfile.gettempdir()) / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        bench = _bench(Path(folder))
        if arguments.soak or arguments.kills:
            return (_soak if arguments.soak else _kills)(bench, arguments)
        if is_loading and not arguments.short:
            fetched.fetch(bench)
            subjects.compile_gateway()
        missing = peers.missing_peers(bench) if is_loading else {}
        if is_loading and subjects.COMPILED not in subjects.builds():
            missing[subjects.COMPILED.title] = "there is no compiled copy of these sources; script/compile makes it"
        present = [name for name in peers.PEERS if name not in missing]
        result: dict[str, object] = {"machine": _machine(), "extent": _extent(arguments), "missing": missing}
        try:
            for name in arguments.only:
                if name == "throughput":
                    result[name] = _print_throughput(rounds.throughput(bench, extent, present))
                else:
                    title, measure = MEASUREMENTS[name]
                    result[name] = _print_rows(title, measure(bench, extent))
        except WrongAnswerError as error:
            print(f"script/bench: a subject answered wrongly: {error}", file=sys.stderr)
            return 1
    for name, reason in missing.items():
        print(f"not measured: {name}: {reason}")
    if not arguments.short:
        _keep(result)
    return 0


def _soak(bench: Bench, arguments: argparse.Namespace) -> int:
    """Run the soak and print its figures; the exit code is 1 when something was wrong."""
    length = Length(arguments.minutes * 60, SHORT_PER_S if arguments.short else UNBOUNDED)
    told = soak(bench, length)
    _print_rows("Soak", told)
    if not arguments.short:
        _keep({"machine": _machine(), "extent": _extent(arguments), "soak": told})
    return 1 if told["faults"] else 0


def _kills(bench: Bench, arguments: argparse.Namespace) -> int:
    """Kill at random and print the table; the exit code is 1 when something is missing, doubled or stays behind.

    What is known so far is printed and kept after each part, so a run that is ended early is not in vain.
    """
    course = Course(arguments.kills, rate=arguments.rate, seed=arguments.seed)
    parts: list[dict[str, object]] = []
    told: dict[str, Any] = {"faults": ["nothing was run"]}
    path = _new_path()
    for part in kills_in_parts(bench.folder, course, arguments.parts):
        parts.append(part)
        told = total(parts)
        _print_rows(
            f"Kills, {len(parts)} of {arguments.parts} parts",
            {name: figure for name, figure in told.items() if name not in {"by kind", "in all"}},
        )
        table: dict[str, dict[str, int]] = {**told["by kind"], "in all": told["in all"]}
        print("  " + " | ".join(["killed", *told["in all"]]))
        for kind, row in table.items():
            print("  " + " | ".join([kind, *map(str, row.values())]), flush=True)
        _keep({"machine": _machine(), "extent": _extent(arguments), "kills": told, "parts": parts}, path)
    return 1 if told["faults"] else 0


def _arguments() -> argparse.Namespace:
    names = ["throughput", *MEASUREMENTS]
    parser = argparse.ArgumentParser(prog="script/bench", description="Measure the gateway beside its peers.")
    parser.add_argument("--short", action="store_true", help="only see that everything runs and answers rightly")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=5, help="of one run of wrk")
    parser.add_argument("--soak", action="store_true", help="half load for minutes with states, kills and failures")
    parser.add_argument("--minutes", type=float, default=15, help="of the soak")
    parser.add_argument(
        "--kills", type=int, default=0, metavar="N", help="kill processes of the whole product under load, and compare"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the kills, in their first part")
    parser.add_argument("--parts", type=int, default=1, help="of the kills: each is a start, and all are summed up")
    parser.add_argument("--rate", type=float, default=500, help="calls a second while processes are killed")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="keep the data of pages in a PostgreSQL here, and use what is there"
    )
    parser.add_argument("--only", nargs="+", choices=names, default=list(UNASKED))
    return parser.parse_args()


def _extent(arguments: argparse.Namespace) -> dict[str, object]:
    """What was asked for, as a result keeps it: without places on this machine."""
    return {name: value for name, value in vars(arguments).items() if name != "data"}


def _bench(folder: Path) -> Bench:
    """The subject has the first core; generator and upstream share the next, or have one each."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return Bench(folder, {cores[0]}, {cores[0]}, {cores[0]})
    return Bench(folder, {cores[0]}, {cores[1]}, {cores[2 if len(cores) > 2 else 1]})  # noqa: PLR2004


def _machine() -> dict[str, object]:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "?",
    )
    versions = {name: _first_line([name, flag]) for name, flag in (("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v"))}
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": f"{platform.python_version()}, {interpreters.best_interpreter().reason}",
        "commit": _first_line(["git", "rev-parse", "--short", "HEAD"]),
        "versions": {**versions, "fetched": [fetched.ENVOY, fetched.TRAEFIK, fetched.EXPRESS_GATEWAY]},
        "connections": load.CONNECTIONS,
    }


def _first_line(command: list[str]) -> str:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    return ((ended.stdout + ended.stderr).strip().splitlines() or ["?"])[0]


def _print_throughput(result: dict[str, object]) -> dict[str, object]:
    told: dict[str, dict[str, object]] = result["subjects"]  # type: ignore[assignment]
    ratios: dict[str, dict[str, dict[str, object]]] = result["ratios"]  # type: ignore[assignment]
    heads = ("req/s", 9), ("p50 us", 8), ("p99 us", 8), ("CPU us", 8), ("RSS MiB", 9), ("wrk", 6)
    columns = "".join(f"{head:>{width}}" for head, width in heads)
    print(f"\n{'P1 throughput':<16}{columns}  {' | '.join(ratios)}, each / theirs")
    for name, each in told.items():
        own = [of_one[name] for of_one in ratios.values() if name in of_one]
        medians, by_round = ([str(each[key]) for each in own] for key in ("median", "rounds"))
        end = f"{' | '.join(medians)}  rounds {' | '.join(by_round)}" if own else ""
        mark = "!" if float(str(each["generator"])) >= SATURATED else " "
        print(
            f"{name:<16}{each['requests_per_s']:>9}{each['p50_us']:>8}{each['p99_us']:>8}{each['cpu_us']:>8}"
            f"{each['rss_mib']:>9}{each['generator']:>5}{mark}  {end}"
        )
    print("(! = the generator was the limit)")
    return result


def _print_rows(title: str, result: dict[str, object]) -> dict[str, object]:
    print(f"\n{title}")
    for name, row in result.items():
        print(f"  {name:<20} {row}")
    return result


def _new_path() -> Path:
    return RESULTS / f"{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}.json"


def _keep(result: dict[str, object], path: Path | None = None) -> None:
    path = path or _new_path()
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    sys.exit(main())
