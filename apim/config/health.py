"""Whether this web process lives, and whether it can do its work."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

_TIMEOUT_S = 0.5  # told beside; a balancer waits for the rest


@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """200 for as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """200 when the database answers; Redis is told of, but pages and gateways are served without it."""
    database = _ask_database()
    status = HTTPStatus.OK if database == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"status": database, "database": database, "redis": _ask_redis()}, status=status)


def _ask_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def _ask_redis() -> str:
    try:
        waits = {"socket_timeout": _TIMEOUT_S, "socket_connect_timeout": _TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
        with Redis.from_url(settings.ENV.redis_url, **waits) as client:
            client.ping()
    except (RedisError, OSError):
        return "unreachable"
    return "ok"
