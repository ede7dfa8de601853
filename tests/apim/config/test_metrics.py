"""`/metrics` of web: who may read it, and what it tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.signals import task_postrun, task_prerun
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from apim.config.metrics import BOUNDS_S
from tests.valkey import running_valkey


@pytest.fixture
def no_redis(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'nothing.sock'}"


@pytest.mark.usefixtures("no_redis")
def test_requests_are_counted_by_route_and_an_absent_redis_is_told() -> None:
    client = Client()
    client.get("/healthz/live")
    text = client.get("/metrics").content.decode()
    assert 'apim_web_requests_total{method="GET",route="healthz/live",status="2xx"}' in text
    assert text.count("apim_web_request_seconds_bucket") == len(BOUNDS_S) + 1
    assert "apim_redis_up 0" in text
    assert "apim_queue_tasks{" not in text


@pytest.mark.usefixtures("no_redis")
def test_metrics_are_for_this_machine_or_for_who_has_the_token(settings: Settings) -> None:
    client = Client()
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    assert client.post("/metrics").status_code == 405
    settings.ENV = replace(django_settings.ENV, metrics_token="s3cret")
    assert client.get("/metrics").status_code == 403
    answer = client.get("/metrics", headers={"Authorization": "Bearer s3cret"}, REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")


def test_tasks_of_all_workers_are_counted_in_redis(settings: Settings) -> None:
    with running_valkey() as url:
        settings.REDIS_URL = url
        task = SimpleNamespace(name="apim.x.do", request=SimpleNamespace())
        for number, state in enumerate(("SUCCESS", "SUCCESS", "FAILURE")):
            task_prerun.send(sender=None, task=task, task_id=f"t{number}")
            task_postrun.send(sender=None, task=task, task_id=f"t{number}", state=state)
        text = Client().get("/metrics").content.decode()
    assert 'apim_tasks_total{task="apim.x.do",state="success"} 2' in text
    assert 'apim_tasks_total{task="apim.x.do",state="failure"} 1' in text
    assert 'apim_queue_tasks{queue="publishing"} 0' in text
    assert "apim_redis_up 1" in text
