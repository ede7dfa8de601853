"""`apim apply` tells which of the last calls would be answered differently, and asks; else it needs a flag."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path

import pytest

from apim.access.models import Application
from apim.accounts.models import User
from apim.accounts.services import issue_token
from apim.catalog.models import APIVersion
from tests.apim.api.conftest import DOCUMENTS, OPENAPI
from tests.apim.cli.conftest import Run
from tests.factories.accounts import TESTER
from tests.gateway_sync.delivery.replay.calls import call

pytestmark = pytest.mark.django_db(transaction=True)

HEAD, *REST = DOCUMENTS.replace("organization: acme", "organization: default").split("---\n")
SUBSCRIPTION = """\
apiVersion: apim.dev/v1
kind: Subscription
metadata: { name: shop-bank }
spec: { application: shop, product: payments, plan: starter }
"""
OPEN = "---\n".join([HEAD, *REST, SUBSCRIPTION]).replace("organization: initech", "organization: default")
CLOSED = f"{HEAD}      policies: [{{ fixed-answer: {{ status: 503 }} }}]\n"


@pytest.fixture
def closed(apim: Run, tmp_path: Path) -> Path:
    """A document that closes the bank, whose last two calls are in the log."""
    (tmp_path / "accounts.yaml").write_text(OPENAPI)
    first, path = tmp_path / "open.yaml", tmp_path / "closed.yaml"
    first.write_text(OPEN)
    path.write_text(CLOSED)
    done = apim("apply", "-f", str(first))
    assert done.returncode == 0, done.stderr
    version = APIVersion.objects.get()
    for _ in range(2):
        call(version, Application.objects.get(name="shop"), "GET /accounts", "/bank/v1/accounts")
    return path


def is_closed() -> bool:
    return bool(APIVersion.objects.get().deployments.get().revision.policies)


def test_a_dry_run_shows_them_as_a_table_and_as_json(apim: Run, closed: Path) -> None:
    shown = apim("apply", "-f", str(closed), "--dry-run")
    assert shown.returncode == 2
    assert "2 of the last 2 calls would be answered differently." in shown.stderr
    assert "/bank/v1/accounts" in shown.stdout
    as_json = apim("apply", "-f", str(closed), "--dry-run", "-o", "json")
    assert '"differing": 2' in as_json.stdout
    assert not is_closed()


def test_a_token_that_may_not_see_calls_is_told_how_many(apim: Run, boss: User, closed: Path) -> None:
    scopes = ["apis:write", "products:write", "access:write"]
    token = issue_token(user=boss, name="deploy", scopes=scopes, by=TESTER).secret
    shown = apim("apply", "-f", str(closed), "--dry-run", env={"APIM_TOKEN": token})
    assert shown.returncode == 2
    assert "2 of the last 2 calls would be answered differently." in shown.stderr
    assert "usage:read" in shown.stderr
    assert "/bank/v1/accounts" not in shown.stdout


def test_without_a_terminal_it_is_refused_unless_it_is_said_beforehand(apim: Run, closed: Path) -> None:
    refused = apim("apply", "-f", str(closed), input="y\n")
    assert refused.returncode == 1
    assert "2 of the last 2 calls would be answered differently." in refused.stderr
    assert "--accept-answers" in refused.stderr
    assert not is_closed()
    assert apim("apply", "-f", str(closed), "--accept-answers").returncode == 0
    assert is_closed()


def test_a_program_that_is_refused_reads_which_they_are(apim: Run, closed: Path) -> None:
    refused = apim("apply", "-f", str(closed), "-o", "json")
    assert refused.returncode == 1
    told = json.loads(refused.stdout)
    assert (told["calls"]["differing"], told["calls"]["groups"][0]["example"]) == (2, "/bank/v1/accounts")
    assert not is_closed()


@pytest.mark.parametrize(("word", "is_done"), [(b"n\n", False), (b"y\n", True)])
def test_who_sits_at_a_terminal_is_asked(apim: Run, closed: Path, word: bytes, *, is_done: bool) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, word)
        asked = apim("apply", "-f", str(closed), stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert "/bank/v1/accounts" in asked.stdout
    assert "Go on?" in asked.stderr
    assert (asked.returncode == 0, is_closed()) == (is_done, is_done)
