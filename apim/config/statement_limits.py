"""How long PostgreSQL works on one statement of a web request before it gives up.

Who reads a page waits for it: what takes this long has failed for them, and must not keep a core from everybody else.
Writes, and what gateways send, may take longer than a page; jobs and migrations run in other processes, unbounded.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase

WRITE_S: Final = 60
_READS: Final = ("GET", "HEAD", "OPTIONS")
_OPTION: Final = "-c statement_timeout="


def bound_statements() -> None:
    """Bound what this process asks PostgreSQL. To be called before the first connection is made."""
    database: dict[str, Any] = connections.settings["default"]
    if database["ENGINE"].endswith("postgresql") and settings.STATEMENT_TIMEOUT_S:
        bound = f"{_OPTION}{round(settings.STATEMENT_TIMEOUT_S * 1000)}"
        database["OPTIONS"] = {**database["OPTIONS"], "options": f"{database['OPTIONS']['options']} {bound}"}


class StatementLimitMiddleware:
    """Gives the statements of a write their longer time."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response."""
        if request.method in _READS or not _is_bound():
            return self._get_response(request)
        _tell(f"SET statement_timeout = '{WRITE_S}s'")
        try:
            return self._get_response(request)
        finally:
            with suppress(DatabaseError):  # of a connection that is gone, and its setting with it
                _tell("RESET statement_timeout")


def _is_bound() -> bool:
    return _OPTION in str(connection.settings_dict["OPTIONS"].get("options", ""))


def _tell(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
