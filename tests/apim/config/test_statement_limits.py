"""A web request that asks PostgreSQL for too much is given up and told so; what writes has longer (promise H33)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import OperationalError, connection
from django.test import Client

from tests.databases import refusing

PROGRAM = """
from apim.config.wsgi import application
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from apim.config.urls import handler400, handler500

def slow(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
    return HttpResponse("done")

urlpatterns = [path("slow", slow), path("api/v1/slow", slow)]
settings.ROOT_URLCONF, settings.ALLOWED_HOSTS = "__main__", ["testserver"]
client = Client(raise_request_exception=False)
for answer in (client.get("/slow"), client.post("/slow"), client.get("/slow"), client.get("/api/v1/slow")):
    print(answer.status_code, answer["Content-Type"].partition(";")[0], b"took too long" in answer.content)
connection.close()
connection.close_pool()
"""


def asked(timeout_s: str) -> list[str]:
    """How a read, a write, the same read once more and one of a program end."""
    settings = {**os.environ, "APIM_STATEMENT_TIMEOUT_S": timeout_s}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.postgresql  # SQLite bounds no statement
def test_a_read_is_cut_off_and_a_write_is_not() -> None:
    assert asked("0.2") == ["503 text/html True", "200 text/html False", "503 text/html True",
                            "503 application/problem+json False"]  # fmt: skip


@pytest.mark.postgresql
def test_without_a_bound_nothing_is_cut_off() -> None:
    assert {line.split()[0] for line in asked("0")} == {"200"}


@pytest.mark.django_db
def test_a_program_is_told_that_it_asked_for_too_much(client: Client) -> None:
    class Canceled(Exception):
        sqlstate = "57014"

    error = OperationalError("canceling statement due to statement timeout")
    error.__cause__ = Canceled()
    client.raise_request_exception = False
    with connection.execute_wrapper(refusing(error)):
        answer = client.get("/api/v1/apis", headers={"Authorization": "Bearer apim_pat_0123456789"})
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
