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
import threading

from apim.config.wsgi import application
from django.conf import settings
from django.db import close_old_connections, connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from apim.config.urls import handler400, handler500

def slow(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")
    return HttpResponse("done")

def slow_later(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    close_old_connections()  # as the doors for usage and news do, which wait meanwhile
    return slow(request)

def connect(others):
    with connection.cursor():
        others.wait()
    connection.close()

urlpatterns = [path("slow", slow), path("slow-later", slow_later), path("api/v1/slow", slow)]
settings.ROOT_URLCONF, settings.ALLOWED_HOSTS = "__main__", ["testserver"]
both = threading.Barrier(2)  # the pool has several: who gives one back gets another
threads = [threading.Thread(target=connect, args=[both]) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
client = Client(raise_request_exception=False)
for method, path in ASKED:
    answer = getattr(client, method)(path)
    print(answer.status_code, answer["Content-Type"].partition(";")[0], b"took too long" in answer.content)
    connection.close()
connection.close_pool()
"""


READ, WRITTEN, READ_BY_PROGRAM = ("get", "/slow"), ("post", "/slow"), ("get", "/api/v1/slow")
WRITTEN_LATER = ("post", "/slow-later")


def asked(timeout_s: str, *requests: tuple[str, str]) -> list[str]:
    """How requests end."""
    settings = {**os.environ, "APIM_STATEMENT_TIMEOUT_S": timeout_s}
    program = f"ASKED = {requests!r}\n{PROGRAM}"
    ended = subprocess.run([sys.executable, "-c", program], env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.postgresql  # SQLite bounds no statement
def test_a_read_is_cut_off_and_a_write_is_not() -> None:
    assert asked("0.2", READ, WRITTEN, READ, READ_BY_PROGRAM) == [
        "503 text/html True", "200 text/html False", "503 text/html True", "503 application/problem+json False",
    ]  # fmt: skip


@pytest.mark.postgresql
def test_a_write_has_its_time_on_each_connection_that_it_takes_and_leaves_it_to_no_read() -> None:
    ends = asked("0.2", WRITTEN_LATER, READ, READ, WRITTEN_LATER, WRITTEN_LATER, READ, READ)
    assert [line.split()[0] for line in ends] == ["200", "503", "503", "200", "200", "503", "503"]


@pytest.mark.postgresql
def test_without_a_bound_nothing_is_cut_off() -> None:
    assert {line.split()[0] for line in asked("0", READ, WRITTEN, WRITTEN_LATER)} == {"200"}


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
