"""Running the commands of script/test, and what is said at the end.

Few failures of a stage are looked at again, each run alone and not beside others: what passes then is no failure of
the change that is tested but a test that depends on its neighbours or on the machine, and is told loudly.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tooling.environment import PYTHON, ROOT

PYTEST = (PYTHON, "-m", "pytest", "-q", "--no-header", "--durations=5")
PROCESSES = ("-n", "2")
MORE_PROCESSES = ("-n", "3")  # one more than processors where half of the tests wait for sockets
BY_FILE = (*PROCESSES, "--dist", "loadfile")  # what starts servers of its own: those of a file are started once
FAILURES = 1  # pytest's exit code when tests ran and some failed
SECOND_LOOKS = 5  # more failures than so many are no accident
FAILURE_KINDS = ("failed", "error", "errors")
_FAILED = re.compile(r"(?:FAILED|ERROR) (tests/\S+)")
_COUNTS = re.compile(r"(\d+) (passed|failed|skipped|error|errors|xfailed|xpassed|deselected)\b")


@dataclass(frozen=True, slots=True)
class Stage:
    """Tests that are run by one command. Shapes: arguments are pytest's."""

    name: str
    environment: Mapping[str, str]
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A stage that was run once. Shapes: cache is the folder in which pytest noted what failed."""

    stage: Stage
    cache: str
    code: int
    lines: list[str]
    seconds: float

    @property
    def failed(self) -> list[str]:
        """The names of the tests that failed."""
        return sorted({found[1] for line in self.lines if (found := _FAILED.match(line))})

    @property
    def counts(self) -> dict[str, int]:
        """How many tests had which result."""
        return {kind: int(count) for count, kind in _COUNTS.findall(self.lines[-1] if self.lines else "")}


@dataclass(slots=True)
class Outcome:
    """What the whole run came to."""

    counts: dict[str, int] = field(default_factory=dict)
    stages: list[tuple[str, str, float]] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)

    def add(self, name: str, *, is_good: bool, seconds: float) -> None:
        """Note a stage."""
        self.stages.append((name, "ok" if is_good else "FAILED", seconds))

    @property
    def is_good(self) -> bool:
        """True when nothing failed."""
        return all(result == "ok" for _, result, _ in self.stages)


def pytest(outcome: Outcome, name: str, environment: Mapping[str, str], *arguments: str) -> None:
    """Run a stage, and note what it came to."""
    title(name)
    with cache() as folder:
        settle(outcome, first_look(Stage(name, environment, arguments), folder))


def cache() -> tempfile.TemporaryDirectory[str]:
    """A folder where pytest notes what failed."""
    return tempfile.TemporaryDirectory(prefix="apim-test-cache-")


def first_look(stage: Stage, cache: str, *, is_shown: bool = True) -> Run:
    """The stage, run once."""
    started_at = time.monotonic()
    command = [*PYTEST, "-o", f"cache_dir={cache}", *stage.arguments]
    code, lines = _run(command, stage.environment, is_shown=is_shown)
    return Run(stage, cache, code, lines, time.monotonic() - started_at)


def settle(outcome: Outcome, run: Run) -> None:
    """Look again at a few failures, each alone, and note what the stage came to."""
    started_at = time.monotonic()
    code, counts, name = run.code, run.counts, run.stage.name
    if code == FAILURES and 0 < len(run.failed) <= SECOND_LOOKS:
        title(f"{name}: a second look at what failed")
        alone = [part for part in run.stage.arguments if part not in (*BY_FILE, *MORE_PROCESSES)]
        again = ("-o", f"cache_dir={run.cache}", *alone, "--last-failed", "--last-failed-no-failures=none")
        code, _ = _run([*PYTEST, *again], run.stage.environment)
        if code == 0:
            outcome.unstable += run.failed
            counts["passed"] = counts.get("passed", 0) + sum(counts.pop(kind, 0) for kind in FAILURE_KINDS)
    for kind, count in counts.items():
        outcome.counts[kind] = outcome.counts.get(kind, 0) + count
    outcome.not_run += [f"{name}: {line.strip()}" for line in run.lines if line.startswith("SKIPPED")]
    outcome.add(name, is_good=code == 0, seconds=run.seconds + time.monotonic() - started_at)


def _run(command: Sequence[str], environment: Mapping[str, str], *, is_shown: bool = True) -> tuple[int, list[str]]:
    """(exit code, lines) of a command whose output is shown as it comes, or not at all."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout:
        if is_shown:
            sys.stdout.write(line)
            sys.stdout.flush()
        lines.append(line)
    return process.wait(), lines


def command(outcome: Outcome, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run something that measures; what fails once and not again is told as tests are."""
    started_at = time.monotonic()
    title(name)
    code, _ = _run(arguments, environment)
    if code != 0:
        title(f"{name}: a second look")
        code, _ = _run(arguments, environment)
        if code == 0:
            outcome.unstable.append(name)
    outcome.add(name, is_good=code == 0, seconds=time.monotonic() - started_at)


def conclude(outcome: Outcome, seconds: float, *, is_all: bool) -> int:
    """Print what all stages came to; the exit code."""
    is_ci = os.environ.get("CI") == "true"
    title("summary")
    for name, result, stage_seconds in outcome.stages:
        print(f"  {result:<7} {stage_seconds:7.1f} s  {name}")
    if not is_all:
        print("  not in this tier: slow tests, the soak and the full benchmark (script/test --all)")
    if outcome.unstable:
        print("\n  !!! UNSTABLE: failed, and passed when run alone; mend them !!!")
        for name in outcome.unstable:
            print(f"  !!! {name}")
    if outcome.not_run:
        print("\n  !!! NOT RUN !!!")
        for reason in outcome.not_run:
            print(f"  !!! {reason}")
        if is_ci:
            print("  !!! CI=true: leaving something out is a failure")
    counts = outcome.counts
    failed_stages = sum(1 for _, result, _ in outcome.stages if result != "ok")
    failed = sum(counts.get(kind, 0) for kind in FAILURE_KINDS)
    failed = failed or failed_stages or (len(outcome.not_run) if is_ci else 0)
    print(f"{counts.get('passed', 0)} passed, {failed} failed, {counts.get('skipped', 0)} skipped in {seconds:.0f}s")
    return 1 if failed else 0


def title(name: str) -> None:
    """Print where the output of a stage begins."""
    print(f"\n=== {name}", flush=True)
