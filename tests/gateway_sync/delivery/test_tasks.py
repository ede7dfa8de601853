"""Tasks: each name that is sent exists, goes to its queue, and the clockwork runs where it should."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.db import connections

from apim.gateways.constants import PUBLISH_TASK, PUBLISHING_QUEUE
from apim.gateways.models import Environment
from gateway_sync.delivery import tasks
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.steps import PublishPending
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]


def names_of_tasks_that_are_sent() -> set[str]:
    """The text of every constant named *_TASK in the control plane."""
    names = set()
    for path in (ROOT / "apim").glob("*/constants.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if name.endswith(
                    "_TASK"
                ):
                    names.add(text)
    return names


def test_every_task_that_is_sent_by_name_or_by_the_clock_is_registered() -> None:
    current_app.loader.import_default_modules()
    clock = {str(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    sent = names_of_tasks_that_are_sent()
    assert PUBLISH_TASK in sent
    assert (sent | clock) - set(current_app.tasks) == set()


def test_publishing_has_a_queue_of_its_own() -> None:
    current_app.loader.import_default_modules()
    for name in (PUBLISH_TASK, tasks.FORGET_TASK):
        assert current_app.amqp.router.route({}, name)["queue"].name == PUBLISHING_QUEUE
    assert settings.CELERY_TASK_DEFAULT_QUEUE != PUBLISHING_QUEUE


@pytest.mark.django_db(transaction=True, databases=["default", "collect"])
@pytest.mark.usefixtures("no_redis")
def test_the_clockwork_publishes_what_waits_without_any_message(environment: Environment) -> None:
    worker = current_app.WorkController(queues=[PUBLISHING_QUEUE], pool="solo")
    step = PublishPending(worker)
    assert step.include_if(worker)
    step.start(worker)
    try:
        wait_until(Publication.objects.exists, "published", pause_s=0.05)
    finally:
        step.stop(worker)
        connections.close_all()
    environment.refresh_from_db()
    assert not environment.is_waiting_to_publish


def test_the_clockwork_runs_in_no_other_worker() -> None:
    worker = current_app.WorkController(queues=["default"], pool="solo")
    assert not PublishPending(worker).include_if(worker)
