"""What follows from the environment for what may be reached and how cookies travel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from apim.config.env import ROOT

FAIL = """
import django
django.setup()
from django.core.handlers.exception import response_for_exception
from django.test import RequestFactory
request = RequestFactory().get("/apis")
try:
    raise RuntimeError("a bug")
except RuntimeError as error:
    response_for_exception(request, error)
"""
READ = """
import json
from django.conf import settings
print(json.dumps([settings.FORBIDDEN_UPSTREAMS, settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE]))
"""


def settings_with(home: Path, **variables: str) -> tuple[list[str], bool, bool]:
    """FORBIDDEN_UPSTREAMS and whether the cookies are secure, as a process with these variables has them."""
    environment = {**os.environ, "APIM_HOME": str(home), "DJANGO_SETTINGS_MODULE": "apim.config.settings", **variables}
    command = [sys.executable, "-c", READ]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    forbidden, session, csrf = json.loads(ended.stdout)
    return forbidden, session, csrf


def test_the_database_and_redis_are_no_upstreams(tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://u:p@127.0.0.1/apim", "REDIS_URL": "redis://localhost:6380/0"}
    forbidden, _, _ = settings_with(tmp_path, **servers)
    assert {"127.0.0.1:5432", "localhost:6380"} < set(forbidden)


def test_cookies_of_a_site_with_tls_never_travel_without(tmp_path: Path) -> None:
    embedded = {"DATABASE_URL": "", "REDIS_URL": ""}
    assert settings_with(tmp_path, APIM_BASE_URL="https://apis.example.com", **embedded)[1:] == (True, True)
    assert settings_with(tmp_path, APIM_BASE_URL="http://127.0.0.1:8000", **embedded)[1:] == (False, False)


def test_an_unexpected_exception_of_a_page_is_in_the_log_with_its_place(tmp_path: Path) -> None:
    environment = {**os.environ, "APIM_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "apim.config.settings"}
    command = [sys.executable, "-c", FAIL]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "Internal Server Error: /apis" in ended.stderr
    assert "RuntimeError: a bug" in ended.stderr
