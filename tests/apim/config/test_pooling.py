"""The web process never asks PostgreSQL for more connections than it was given, however many threads ask."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import threading
from apim.config.wsgi import application
from apim.config import pooling
from django.db import connection

most, together = [], threading.Barrier(100)

def ask():
    together.wait()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pooled'")
        most.append(cursor.fetchone()[0])
    connection.close()

threads = [threading.Thread(target=ask) for _ in range(100)]
for each in threads: each.start()
for each in threads: each.join()
print(len(most), max(most), pooling.MOST)
connection.close_pool()
"""


@pytest.mark.postgresql  # SQLite has none to share
def test_a_hundred_threads_at_once_share_few_connections() -> None:
    settings = {**os.environ, "PGAPPNAME": "pooled"}
    ended = subprocess.run([sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    answered, most, allowed = map(int, ended.stdout.split())
    assert answered == 100
    assert 0 < most <= allowed
