"""What CLI tests share: a control plane that really listens, and the command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from apim.accounts.models import User
from apim.accounts.scopes import SCOPES
from apim.accounts.services import issue_token
from apim.config.env import ROOT
from apim.gateways.services import default_environment
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import TESTER
from tests.waiting import PATIENCE_S

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def boss(transactional_db: None) -> User:
    """An admin, who is also the only owner of the default organization."""
    organization = accounts_factory.organization(name="default", is_default=True)
    default_environment()
    person = accounts_factory.user("boss@example.com", is_platform_admin=True)
    accounts_factory.services.add_member(organization=organization, user=person, role="owner", by=TESTER)
    return person


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a command that knows of no control plane yet."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return kept | {"XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture
def bare(environ: dict[str, str], tmp_path: Path) -> Run:
    """`bare("get", "apis")` runs the command without a login, in an empty directory."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "apim.cli", *arguments]
        env = environ | options.pop("env", {})
        options.setdefault("cwd", tmp_path)
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False, **options
        )

    return run


@pytest.fixture
def apim(live_server: LiveServer, boss: User, bare: Run, environ: dict[str, str]) -> Run:
    """The command, signed in to the live server as an admin."""
    token = issue_token(user=boss, name="cli", scopes=list(SCOPES), by=TESTER).secret
    environ |= {"APIM_URL": live_server.url, "APIM_TOKEN": token}
    return bare
