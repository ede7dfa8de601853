"""docker-compose.yml is one that Compose takes, and its processes are those of script/up."""

from __future__ import annotations

import os
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
    assert composed == {"prepare", "web", "worker", "publisher", "beat", "gateway", "postgres", "redis"}


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
