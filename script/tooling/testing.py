"""The stages of script/test.

One stage follows another; two that wait more than they work run beside each other. A stage that fails does not stop the
others. What could not be run is told last and, under CI=true, fails the run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tooling import documents, linting, promises, running, servers, templates
from tooling.environment import PYTHON, ROOT
from tooling.running import BY_FILE, MORE_PROCESSES, PROCESSES, Outcome, Stage

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
BROWSER = ("tests/browser",)
ONCE = ("tests/apim/cli", "tests/apim/openapi", "tests/apim/pricing", "tests/apim/ui")  # little or no database
# What a shell or an image may set, and must not decide. Without bytecode each of the processes that tests start, which
# are many hundred, compiles the whole product anew: that takes longer than most tests.
NOT_OURS = ("DATABASE_URL", "REDIS_URL", "PYTHONDONTWRITEBYTECODE")


def main(*, is_all: bool, missing: list[str]) -> int:
    """Run the stages; the exit code."""
    outcome = Outcome()
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apim-test-home-") as home, ExitStack() as stack:
        environment = {**_own_environment(), "APIM_HOME": home} | ({"APIM_TEST_PICTURES": "1"} if is_all else {})
        template = stack.enter_context(templates.sqlite(Path(home) / "template", environment))
        second = _second_database(stack, Path(home), environment, missing)
        _lint(outcome)
        environment |= template.ready()
        if reason := documents.fetch():
            outcome.not_run.append(f"published documents: {reason}")
        is_once = not is_all and "initdb" not in missing and "redis-server" not in missing
        without = _without(ON_POSTGRESQL) if is_once else ()
        fast = f"{FAST} and not postgresql"
        running.pytest(outcome, "tests on SQLite", environment, "-m", fast, *MORE_PROCESSES, *without)
        core = "core tests on PostgreSQL and Redis"
        _on_postgresql(outcome, environment, second, missing, name=core, marks=FAST)
        whole = "product and not browser and not slow and not fault"
        running.pytest(outcome, "the whole product", environment, "-m", whole, *BY_FILE, *WHOLE)
        _waiting(outcome, environment, missing)
        _bench(outcome, environment, missing)
        if is_all:
            # apart: what drives browsers keeps the event loop of its process to itself
            running.pytest(outcome, "long tiers", environment, "-m", "slow and not postgresql", *_without(BROWSER))
            running.pytest(outcome, "long browser journeys", environment, "-m", "slow", *BROWSER)
            core, marks = "long tiers of the core on PostgreSQL and Redis", "slow and not product"
            _on_postgresql(outcome, environment, second, missing, name=core, marks=marks)
            running.command(outcome, "soak", (PYTHON, "-m", "benchmarks", "--soak"), environment)
            running.command(outcome, "full benchmark", (PYTHON, "-m", "benchmarks"), environment)
    return running.conclude(outcome, time.monotonic() - started_at, is_all=is_all)


def main_of_promises(numbers: Sequence[str], *, missing: list[str]) -> int:
    """Run the tests, long ones too, that hold these promises, on PostgreSQL and Redis where they are; the exit code."""
    paths = promises.files(numbers)
    outcome, started_at = Outcome(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apim-test-home-") as home, ExitStack() as stack:
        environment = {**_own_environment(), "APIM_HOME": home}
        second = _second_database(stack, Path(home), environment, missing)
        urls, template = second or ({}, stack.enter_context(templates.sqlite(Path(home) / "template", environment)))
        marks = () if second else ("-m", "not postgresql")
        told = {**environment, **urls, **template.ready()}
        running.pytest(outcome, f"what holds {', '.join(numbers)}", told, *marks, *paths)
    return running.conclude(outcome, time.monotonic() - started_at, is_all=True)


def _own_environment() -> dict[str, str]:
    """The variables that tests begin with."""
    for name in NOT_OURS:
        os.environ.pop(name, None)
    return dict(os.environ)


def _lint(outcome: Outcome) -> None:
    started_at = time.monotonic()
    running.title("lint")
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
    running.pytest(outcome, name, told, "-m", marks, *PROCESSES, *paths, *_without(ONCE))


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
        caches = [stack.enter_context(running.cache()) for _ in stages]
        with ThreadPoolExecutor(len(stages)) as pool:
            runs = list(pool.map(lambda stage, cache: running.first_look(stage, cache, is_shown=False), stages, caches))
        for run in runs:
            running.title(run.stage.name)
            sys.stdout.writelines(run.lines)
            running.settle(outcome, run)


def _bench(outcome: Outcome, environment: Mapping[str, str], missing: list[str]) -> None:
    for program in ("wrk", "nginx"):
        if program in missing:
            outcome.not_run.append(f"shortened benchmark: no {program}")
            return
    running.command(outcome, "shortened benchmark", (PYTHON, "-m", "benchmarks", "--short"), environment)
