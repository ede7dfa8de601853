"""Request ids from the edge to the task: each log line of a request, and of the tasks it caused, carries one.

A request keeps the `X-Request-Id` it came with, where that is a plain word, and is answered with it. Celery takes
it along as a header of the message.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from celery.signals import after_setup_logger, after_setup_task_logger, before_task_publish, task_postrun, task_prerun
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apim.fields import new_id

HEADER: Final = "X-Request-Id"
_TASK_HEADER: Final = "apim_request_id"
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_request_id: ContextVar[str] = ContextVar("request_id", default="")

requests = logging.getLogger("apim.requests")


def current_request_id() -> str:
    """The id of the request or task under way; "" outside of any."""
    return _request_id.get()


class CorrelationMiddleware:
    """Gives each request its id, and the log a line when it ends."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response, with the id among its header fields."""
        given = request.headers.get(HEADER, "")
        request_id = given if _WORD.fullmatch(given) else new_id("req")
        request.META["HTTP_X_REQUEST_ID"] = request_id  # for whoever answers with it
        token = _request_id.set(request_id)
        began = time.perf_counter()
        try:
            response = self._get_response(request)
            response.headers.setdefault(HEADER, request_id)
            requests.info("%s %s", request.method, route_of(request), extra=_facts(response, began))
            return response
        finally:
            _request_id.reset(token)


def route_of(request: HttpRequest) -> str:
    """The pattern that the request met, which holds no name and no secret; "" where none was."""
    return request.resolver_match.route if request.resolver_match else ""


def _facts(response: HttpResponseBase, began: float) -> dict[str, object]:
    return {"status": response.status_code, "duration_ms": round((time.perf_counter() - began) * 1000, 1)}


class LineFormatter(logging.Formatter):
    """Lines for people, the id at their end."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        text = super().format(record)
        return f"{text} [{request_id}]" if (request_id := current_request_id()) else text


class JSONFormatter(logging.Formatter):
    """A JSON object a line, for collectors."""

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        told: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current_request_id(),
        }
        told |= {name: getattr(record, name) for name in ("status", "duration_ms") if hasattr(record, name)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


@before_task_publish.connect
def _take_along(headers: dict[str, Any] | None = None, **_: object) -> None:
    if headers is not None and (request_id := current_request_id()):
        headers[_TASK_HEADER] = request_id


@task_prerun.connect
def _take_up(task: Any = None, task_id: str = "", **_: object) -> None:
    """A task that no request caused has its own id."""
    request_id = getattr(task.request, _TASK_HEADER, "") if task is not None else ""
    _request_id.set(request_id or task_id)


@task_postrun.connect
def _put_down(**_: object) -> None:
    _request_id.set("")


@after_setup_logger.connect
@after_setup_task_logger.connect
def _format_tasks(logger: logging.Logger, **_: object) -> None:
    from django.conf import settings  # noqa: PLC0415 - Celery reads this module before settings are ready

    if settings.ENV.log_format == "json":
        for handler in logger.handlers:
            handler.setFormatter(JSONFormatter())
