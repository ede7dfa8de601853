"""A worker of Celery that is killed in the middle of a job: another one ends it, and nothing is there twice (R16)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.valkey import running_valkey
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[3]
START = "import django; django.setup(); from apim.jobs.models import Job; from apim.jobs import services, tasks\n"
ASK = """
from apim.audit.actor import system_actor
services.ask(kind="count", subject="", title="Count", wanted={}, by=system_actor("a test"))
"""
STATE = "job = Job.objects.get(); print(job.state, job.run, job.done)"
LATER = """
from datetime import timedelta
from django.utils import timezone
Job.objects.update(beat_at=timezone.now() - timedelta(minutes=1))
tasks.tend()
"""
READ = "print(b''.join(services.file_chunks(Job.objects.get())).decode())"


@pytest.fixture
def product(empty_database: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The environment of programs that share a database and a broker."""
    with running_valkey() as url:
        environment = {**empty_database, "REDIS_URL": url}
        migrate = [sys.executable, "manage.py", "migrate", "-v", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, check=True, capture_output=True)
        yield environment


def run(environment: Mapping[str, str], code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@contextmanager
def worker(environment: Mapping[str, str]) -> Iterator[None]:
    """A worker of one process, which ends as on a machine that dies: without a word."""
    command = [sys.executable, "-m", "celery", "-A", "apim.config.celery", "worker", "-P", "solo", "-l", "WARNING"]
    started = subprocess.Popen([*command, "-I", "tests.apim.jobs.counting"], cwd=ROOT, env=environment)
    try:
        yield
    finally:
        started.kill()
        started.wait()


def test_a_job_whose_worker_is_killed_is_ended_by_another_with_each_step_once(product: Mapping[str, str]) -> None:
    def state() -> str:
        return run(product, STATE)

    run(product, ASK)
    with worker(product):
        wait_until(lambda: state().startswith("running 1") and int(state().split()[2]) >= 2, "two steps are done")
    assert state().startswith("running 1")
    with worker(product):
        run(product, LATER)
        wait_until(lambda: state() == "done 2 5", "another worker ends it")
    assert run(product, READ).split() == ["1", "2", "3", "4", "5"]
