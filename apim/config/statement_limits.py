"""How long PostgreSQL works on one statement of a web request before it gives up.

Who reads a page waits for it: what takes this long has failed for them, and must not keep a core from everybody else.
Writes, and what gateways send, may take longer than a page; jobs and migrations run in other processes, unbounded.

A connection of the pool keeps what it was told last. So each is told its bound when a thread takes it, where that is
another one: whoever gives one back while it waits gets another, and leaves the first to whom it may concern.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.db import Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.http.response import HttpResponseBase

WRITE_S: Final = 60
_READS: Final = ("GET", "HEAD", "OPTIONS")
_OPTION: Final = "-c statement_timeout="
_MARK: Final = "_apim_is_for_writes"  # of a connection of psycopg, which the pool keeps
_mine = threading.local()


def bound_statements() -> None:
    """Bound what this process asks PostgreSQL. To be called before the first connection is made."""
    database: dict[str, Any] = connections.settings["default"]
    if database["ENGINE"].endswith("postgresql") and settings.STATEMENT_TIMEOUT_S:
        bound = f"{_OPTION}{round(settings.STATEMENT_TIMEOUT_S * 1000)}"
        database["OPTIONS"] = {**database["OPTIONS"], "options": f"{database['OPTIONS']['options']} {bound}"}
        connection_created.connect(_tell_taken)


class StatementLimitMiddleware:
    """Gives the statements of a write their longer time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response."""
        if request.method in _READS or not _is_bound():
            return self._get_response(request)
        _mine.is_writing = True
        try:
            _tell(connection)
            return self._get_response(request)
        finally:
            _mine.is_writing = False
            with suppress(Error):  # of a connection that is gone, and its setting with it
                _tell(connection)


def _is_bound() -> bool:
    return _OPTION in str(connection.settings_dict["OPTIONS"].get("options", ""))


def _tell_taken(connection: BaseDatabaseWrapper, **_: object) -> None:
    if connection.alias == "default":
        _tell(connection)


def _tell(connection: BaseDatabaseWrapper) -> None:
    """Have the connection of this thread, if it has one, bound as what the thread does is."""
    taken, is_writing = connection.connection, getattr(_mine, "is_writing", False)
    if taken is None or getattr(taken, _MARK, False) == is_writing:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{WRITE_S}s'" if is_writing else "RESET statement_timeout")
    setattr(taken, _MARK, is_writing)
