"""Contention: what a database does to one of two requests that want the same thing at the same moment.

Owns: telling such errors from others, and whether the request will be done again. Must not know: views, services.
"""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest

# SQLSTATE: serialization failure, deadlock detected, unique violation. The last is a race too: services look for a
# taken name before they write, so that done again they find it and say so in words.
_STATES = frozenset({"40001", "40P01", "23505"})
_SQLITE_ERRORS = frozenset({"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"})
_CUT_OFF = ("57014", "SQLITE_INTERRUPT")  # SQLSTATE query_canceled
_MARK = "_apim_may_be_repeated"


def is_outrun(error: Exception) -> bool:
    """True when the database refused or rolled back a write because another one came first."""
    if not isinstance(error, DatabaseError):
        return False
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) in _STATES or getattr(cause, "sqlite_errorname", None) in _SQLITE_ERRORS


def is_cut_off(error: BaseException | None) -> bool:
    """True when the database gave a statement up because it took too long."""
    if not isinstance(error, DatabaseError):
        return False
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) in _CUT_OFF or getattr(cause, "sqlite_errorname", None) in _CUT_OFF


def mark_repeatable(request: HttpRequest, *, is_repeatable: bool) -> None:
    """Note whether the request will be done again when it is outrun."""
    setattr(request, _MARK, is_repeatable)


def may_be_repeated(request: HttpRequest) -> bool:
    """True when who is outrun should raise, because the request will be done again."""
    return getattr(request, _MARK, False)
