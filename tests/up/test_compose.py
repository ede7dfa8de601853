"""docker-compose.yml is one that Compose takes, and its processes are those of script/up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from apim.up import services
from apim.up.options import ROOT, read_options


@pytest.fixture(scope="module")
def composed() -> set[str]:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    environment = {**os.environ, "POSTGRES_PASSWORD": "secret"}
    ended = subprocess.run(
        ["docker-compose", "config"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "secret@postgres" in ended.stdout
    names = subprocess.run(
        ["docker-compose", "config", "--services"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(names.stdout.split())


def test_compose_takes_the_file_and_runs_every_process(composed: set[str]) -> None:
    twice = {f"{name}{number}" for name in ("web", "celery", "gateway") for number in (1, 2)}
    assert composed == {"prepare", "balancer", "publisher", "beat", "postgres", "redis", *twice}


def test_the_balancer_sends_to_each_process_that_compose_starts() -> None:
    servers = re.findall(
        r"^ +server (\S+) (\S+):(\d+)$", (ROOT / "examples" / "compose" / "balancer.cfg").read_text(), re.MULTILINE
    )
    assert all(name == host for name, host, _ in servers)
    assert {f"{host}:{port}" for _, host, port in servers} == {
        "web1:8000", "web2:8000", "gateway1:8080", "gateway2:8080"
    }  # fmt: skip


def test_a_password_must_be_chosen() -> None:
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    environment = {name: value for name, value in os.environ.items() if name != "POSTGRES_PASSWORD"}
    ended = subprocess.run(
        ["docker-compose", "config", "--quiet"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "POSTGRES_PASSWORD" in ended.stderr


def test_the_launcher_runs_the_same_processes() -> None:
    options = read_options(["--no-example"], {})
    names = [service.name for service in (*services.control_plane(options), *services.background(options))]
    assert names == ["web", "publishing", "worker", "beat"]
