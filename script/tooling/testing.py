"""The stages of script/test, and what is said at the end.

One stage follows another; two that wait more than they work run beside each other. A stage that fails does not stop the
others. What could not be run is told last and, under CI=true, fails the run.
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tooling import documents, linting, servers, templates
from tooling.environment import PYTHON, ROOT

PYTEST = (PYTHON, "-m", "pytest", "-q", "--no-header", "--durations=5")
FAST = "not browser and not product and not fault and not slow"
# what touches a database
CORE = ("tests/apim", "tests/portal", "tests/gateway_sync/delivery", "tests/permissions", "tests/upgrade")
# rows by the ORM alone, pages, money and what is told: on SQLite the long run tests them too, and the whole product
# always does. PostgreSQL refuses more: what may be locked, compared, cut off
ON_POSTGRESQL = (
    *(f"tests/apim/{app}" for app in ("access", "accounts", "alerts", "announcements", "api", "audit", "backups")),
    *(f"tests/apim/{app}" for app in ("billing", "catalog", "console", "documents", "gateways", "mails")),
    *(f"tests/apim/{app}" for app in ("notifications", "onboarding", "platform", "products", "releases", "webhooks")),
    "tests/permissions",
    "tests/portal",
)
WHOLE = ("tests/e2e", "tests/up", "tests/upgrade")  # where tests of the whole product are,
FAULTS = ("tests/fault", "tests/benchmarks")  # and those that kill: a stage for them reads no other files
ONCE = ("tests/apim/cli", "tests/apim/openapi", "tests/apim/pricing", "tests/apim/ui")  # little or no database
# What a shell or an image may set, and must not decide. Without bytecode each of the processes that tests start, which
# are many hundred, compiles the whole product anew: that takes longer than most tests.
NOT_OURS = ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")
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


def main(*, is_all: bool, missing: list[str]) -> int:
    """Run the stages; the exit code."""
    outcome = Outcome()
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apim-test-home-") as home, ExitStack() as stack:
        for name in NOT_OURS:
            os.environ.pop(name, None)
        environment = {**os.environ, "APIM_HOME": home} | ({"APIM_TEST_PICTURES": "1"} if is_all else {})
        template = stack.enter_context(templates.sqlite(Path(home) / "template", environment))
        second = _second_database(stack, Path(home), environment, missing)
        _lint(outcome)
        environment |= template.ready()
        if reason := documents.fetch():
            outcome.not_run.append(f"published documents: {reason}")
        is_once = not is_all and "initdb" not in missing and "redis-server" not in missing
        without = _without(ON_POSTGRESQL) if is_once else ()
        fast = f"{FAST} and not postgresql"
        _pytest(outcome, "tests on SQLite", environment, "-m", fast, *MORE_PROCESSES, *without)
        core = "core tests on PostgreSQL and Redis"
        _on_postgresql(outcome, environment, second, missing, name=core, marks=FAST)
        whole = "product and not browser and not slow and not fault"
        _pytest(outcome, "the whole product", environment, "-m", whole, *BY_FILE, *WHOLE)
        _waiting(outcome, environment, missing)
        _bench(outcome, environment, missing)
        if is_all:
            _pytest(outcome, "long tiers", environment, "-m", "slow and not postgresql")
            core, marks = "long tiers of the core on PostgreSQL and Redis", "slow and not product"
            _on_postgresql(outcome, environment, second, missing, name=core, marks=marks)
            _command(outcome, "soak", (PYTHON, "-m", "benchmarks", "--soak"), environment)
            _command(outcome, "full benchmark", (PYTHON, "-m", "benchmarks"), environment)
    return _conclude(outcome, time.monotonic() - started_at, is_all=is_all)


def _lint(outcome: Outcome) -> None:
    started_at = time.monotonic()
    _title("lint")
    outcome.add("lint", is_good=linting.main(is_fixing=False) == 0, seconds=time.monotonic() - started_at)


def _second_database(
    stack: ExitStack, home: Path, environment: Mapping[str, str], missing: list[str]
) -> tuple[Mapping[str, str], templates.Template] | None:
    """Where PostgreSQL and Redis are, and what is migrated there beside the first stages; None without them."""
    if "initdb" in missing or "redis-server" in missing:
        return None
    url = stack.enter_context(servers.postgresql())
    template = stack.enter_context(templates.postgresql(url, home / "second-template", environment))
    return {"DATABASE_URL": url, "REDIS_URL": stack.enter_context(servers.redis())}, template


def _on_postgresql(
    outcome: Outcome,
    environment: Mapping[str, str],
    second: tuple[Mapping[str, str], templates.Template] | None,
    missing: list[str],
    *,
    name: str,
    marks: str,
) -> None:
    if second is None:
        outcome.not_run += [f"{name}: no {program}" for program in ("initdb", "redis-server") if program in missing]
        return
    urls, template = second
    paths = [path for path in CORE if (ROOT / path).exists()]
    told = {**environment, **urls, **template.ready()}
    _pytest(outcome, name, told, "-m", marks, *PROCESSES, *paths, *_without(ONCE))


def _without(paths: Sequence[str]) -> tuple[str, ...]:
    """Options of pytest that leave these paths out."""
    return tuple(f"--ignore={path}" for path in paths)


def _waiting(outcome: Outcome, environment: Mapping[str, str], missing: list[str]) -> None:
    """The stages that wait for processes and pages for half of their time, beside each other."""
    stages = [Stage("promises under faults", environment, ("-m", "fault and not slow", *FAULTS))]
    if "chromium" in missing:
        outcome.not_run.append("browser journeys: no chromium")
    else:
        stages.append(Stage("browser journeys", environment, ("tests/browser", "-m", "not slow")))
    with ExitStack() as stack:
        caches = [stack.enter_context(_cache()) for _ in stages]
        with ThreadPoolExecutor(len(stages)) as pool:
            runs = list(pool.map(lambda stage, cache: _first_look(stage, cache, is_shown=False), stages, caches))
        for run in runs:
            _title(run.stage.name)
            sys.stdout.writelines(run.lines)
            _settle(outcome, run)


def _bench(outcome: Outcome, environment: Mapping[str, str], missing: list[str]) -> None:
    for program in ("wrk", "nginx"):
        if program in missing:
            outcome.not_run.append(f"shortened benchmark: no {program}")
            return
    _command(outcome, "shortened benchmark", (PYTHON, "-m", "benchmarks", "--short"), environment)


def _pytest(outcome: Outcome, name: str, environment: Mapping[str, str], *arguments: str) -> None:
    _title(name)
    with _cache() as cache:
        _settle(outcome, _first_look(Stage(name, environment, arguments), cache))


def _cache() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="apim-test-cache-")


def _first_look(stage: Stage, cache: str, *, is_shown: bool = True) -> Run:
    started_at = time.monotonic()
    command = [*PYTEST, "-o", f"cache_dir={cache}", *stage.arguments]
    code, lines = _run(command, stage.environment, is_shown=is_shown)
    return Run(stage, cache, code, lines, time.monotonic() - started_at)


def _settle(outcome: Outcome, run: Run) -> None:
    """Look again at a few failures, each alone, and note what the stage came to."""
    started_at = time.monotonic()
    code, counts, name = run.code, run.counts, run.stage.name
    if code == FAILURES and 0 < len(run.failed) <= SECOND_LOOKS:
        _title(f"{name}: a second look at what failed")
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


def _command(outcome: Outcome, name: str, command: tuple, environment: Mapping[str, str]) -> None:
    """Run something that measures; what fails once and not again is told as tests are."""
    started_at = time.monotonic()
    _title(name)
    code, _ = _run(command, environment)
    if code != 0:
        _title(f"{name}: a second look")
        code, _ = _run(command, environment)
        if code == 0:
            outcome.unstable.append(name)
    outcome.add(name, is_good=code == 0, seconds=time.monotonic() - started_at)


def _conclude(outcome: Outcome, seconds: float, *, is_all: bool) -> int:
    is_ci = os.environ.get("CI") == "true"
    _title("summary")
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


def _title(name: str) -> None:
    print(f"\n=== {name}", flush=True)
