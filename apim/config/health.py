"""Whether this web process lives, and whether it can do its work."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

_TIMEOUT_S = 1.0


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
        with Redis.from_url(settings.ENV.redis_url, socket_timeout=_TIMEOUT_S) as client:
            client.ping()
    except (RedisError, OSError):
        return "unreachable"
    return "ok"
