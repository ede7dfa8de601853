"""`/metrics` of the web process, in Prometheus' text format: requests of this process, tasks of all workers, queues.

Requests are counted in the process itself. Tasks run elsewhere, so their workers count in Redis, one command a task.
"""

from __future__ import annotations

import hmac
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, Final

from celery.signals import task_postrun, task_prerun
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from apim.config.correlation import route_of
from apim.gateways.constants import PUBLISHING_QUEUE
from apim.platform.health.stores import open_redis
from apim.platform.heartbeats import DEFAULT_QUEUE, read_heartbeats

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TASKS: Final = "apim:task_metrics"
_LOOPBACK: Final = {"127.0.0.1", "::1"}
_FORWARDED: Final = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
_started: dict[str, float] = {}


class _Requests:
    """Counters of this process. Shapes: routes are patterns, so their number is that of the URL configuration."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = defaultdict(int)
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._counts[method, route, f"{status // 100}xx"] += 1
            self._buckets[bisect_left(BOUNDS_S, seconds)] += 1
            self._seconds += seconds

    def lines(self) -> Iterator[str]:
        with self._lock:
            counts, buckets, seconds = dict(self._counts), list(self._buckets), self._seconds
        yield from _head("apim_web_requests_total", "counter", "Requests that this web process answered.")
        for (method, route, status), count in sorted(counts.items()):
            yield f'apim_web_requests_total{{method="{method}",route="{_quoted(route)}",status="{status}"}} {count}'
        yield from _head("apim_web_request_seconds", "histogram", "How long they took.")
        total = 0
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), buckets, strict=True):
            total += count
            yield f'apim_web_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"apim_web_request_seconds_sum {seconds:.6f}"
        yield f"apim_web_request_seconds_count {total}"


_requests = _Requests()


class MeasureMiddleware:
    """Counts each request by its route."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response."""
        began = time.perf_counter()
        response = self._get_response(request)
        method = request.method if request.method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
        _requests.add(str(method), route_of(request), response.status_code, time.perf_counter() - began)
        return response


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics, for who has the token, or without a token for this machine alone."""
    if not _may_read(request):
        return HttpResponse("Send Authorization: Bearer and APIM_METRICS_TOKEN.\n", status=HTTPStatus.FORBIDDEN)
    lines = (*_requests.lines(), *_lines_of_redis())
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _may_read(request: HttpRequest) -> bool:
    token = settings.ENV.metrics_token
    if token:
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode())
    is_forwarded = any(name in request.headers for name in _FORWARDED)  # a proxy on this machine is loopback too
    return request.META.get("REMOTE_ADDR") in _LOOPBACK and not is_forwarded


def _lines_of_redis() -> Iterable[str]:
    try:
        with open_redis() as client:
            lines = [*_queue_lines(client), *_task_lines(client)]
    except (RedisError, OSError):
        return [*_head("apim_redis_up", "gauge", "1 while Redis answers."), "apim_redis_up 0"]
    return [*_head("apim_redis_up", "gauge", "1 while Redis answers."), "apim_redis_up 1", *lines]


def _queue_lines(client: Redis) -> Iterator[str]:
    yield from _head("apim_queue_tasks", "gauge", "Tasks that wait.")
    for queue in (DEFAULT_QUEUE, PUBLISHING_QUEUE):
        yield f'apim_queue_tasks{{queue="{queue}"}} {int(client.llen(queue))}'
    beats = read_heartbeats(client)
    yield from _head("apim_worker_heartbeat_age_seconds", "gauge", "Since a worker of the queue last took a heartbeat.")
    for queue, beat in sorted(beats.items()):
        yield f'apim_worker_heartbeat_age_seconds{{queue="{queue}"}} {max(0.0, time.time() - beat.at.timestamp()):.1f}'
    yield from _head("apim_queue_lag_seconds", "gauge", "How long the last heartbeat waited in its queue.")
    for queue, beat in sorted(beats.items()):
        yield f'apim_queue_lag_seconds{{queue="{queue}"}} {beat.lag_s:.3f}'


def _task_lines(client: Redis) -> Iterator[str]:
    found = {_text(name): _text(value) for name, value in client.hgetall(_TASKS).items()}
    yield from _head("apim_tasks_total", "counter", "Celery tasks that ended.")
    for key, value in sorted(found.items()):
        what, _, rest = key.partition(":")
        task, _, state = rest.rpartition(":")
        if what == "n":
            yield f'apim_tasks_total{{task="{_quoted(task)}",state="{_quoted(state)}"}} {int(value)}'
    yield from _head("apim_task_seconds_total", "counter", "How long they ran.")
    for key, value in sorted(found.items()):
        if key.startswith("s:"):
            yield f'apim_task_seconds_total{{task="{_quoted(key[2:])}"}} {float(value):.6f}'


@task_prerun.connect
def _note_start(task_id: str = "", **_: object) -> None:
    _started[task_id] = time.perf_counter()


@task_postrun.connect
def _note_end(task_id: str = "", task: Any = None, state: str = "", **_: object) -> None:
    seconds = time.perf_counter() - _started.pop(task_id, time.perf_counter())
    try:
        with open_redis() as client:
            pipeline = client.pipeline(transaction=False)
            pipeline.hincrby(_TASKS, f"n:{task.name}:{(state or 'unknown').lower()}", 1)
            pipeline.hincrbyfloat(_TASKS, f"s:{task.name}", seconds)
            pipeline.execute()
    except (RedisError, OSError):
        return  # a count less; the task itself is done


def _head(name: str, kind: str, meaning: str) -> tuple[str, str]:
    return f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
