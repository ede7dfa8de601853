"""Request ids from the edge to the task, and logs that carry them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery.signals import before_task_publish, task_postrun, task_prerun
from django.test import Client

from apim.config.correlation import JSONFormatter, LineFormatter, current_request_id


@pytest.fixture(autouse=True)
def _the_task_ends() -> Iterator[None]:
    """What a test's task had as its id is put down, as after each task."""
    yield
    task_postrun.send(sender=None, task=SimpleNamespace(name="of a test"), task_id="none", state="")


def test_a_request_keeps_the_id_it_came_with_and_gets_one_otherwise() -> None:
    client = Client()
    assert client.get("/healthz/live", headers={"X-Request-Id": "edge-0123456789"})["X-Request-Id"] == "edge-0123456789"
    made = client.get("/healthz/live")["X-Request-Id"]
    assert made.startswith("req_")
    assert client.get("/healthz/live")["X-Request-Id"] != made
    for hostile in ("x", "a b c d e f g h", "x" * 65, '{"a":1,"b":2}'):
        assert client.get("/healthz/live", headers={"X-Request-Id": hostile})["X-Request-Id"].startswith("req_")
    assert not current_request_id()


@pytest.mark.django_db
def test_the_rest_api_answers_with_the_same_id_in_its_problems() -> None:
    answer = Client().get("/api/v1/apis", headers={"X-Request-Id": "edge-0123456789"})
    assert answer.json()["request_id"] == answer["X-Request-Id"] == "edge-0123456789"


def test_a_task_logs_with_the_id_of_the_request_that_caused_it() -> None:
    headers: dict[str, str] = {}
    task_prerun.send(sender=None, task=SimpleNamespace(request=SimpleNamespace(apim_request_id="req_1")), task_id="t")
    before_task_publish.send(sender="a task", headers=headers)
    assert headers == {"apim_request_id": "req_1"}
    task_prerun.send(sender=None, task=SimpleNamespace(request=SimpleNamespace()), task_id="task-2")
    assert current_request_id() == "task-2"


def test_log_lines_carry_the_id_as_text_or_json() -> None:
    record = logging.LogRecord("apim.x", logging.WARNING, __file__, 1, "%s went wrong", ("it",), None)
    record.status = 200
    task_prerun.send(sender=None, task=SimpleNamespace(request=SimpleNamespace()), task_id="task-3")
    told = json.loads(JSONFormatter().format(record))
    assert (told["message"], told["level"], told["request_id"], told["status"]) == (
        "it went wrong", "WARNING", "task-3", 200,
    )  # fmt: skip
    assert LineFormatter().format(record) == "it went wrong [task-3]"


def test_a_line_of_a_request_names_the_route_and_nothing_that_callers_wrote(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="apim.requests"):
        Client().get("/healthz/live?token=secret")
    [record] = [each for each in caplog.records if each.name == "apim.requests"]
    assert record.getMessage() == "GET healthz/live"
    assert record.__dict__["status"] == 200
