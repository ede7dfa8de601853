"""Model fields that every app shares."""

from __future__ import annotations

import json
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from django.db import models

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread
_TIME_CHARACTERS = 9
_RANDOM_CHARACTERS = 11
_STEP_BITS = 44  # enough that nobody guesses the next one, few enough that a millisecond holds thousands


class _Numbers:
    """Numbers that begin with the millisecond.

    Those of a process grow, so that a log is read in the order in which it was written, whatever happened in one
    millisecond; a clock that is set back is followed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = self._last = 0

    def take(self) -> int:
        """A fresh one: random, and within the same millisecond a random step above the last."""
        millisecond = time.time_ns() // 1_000_000
        fresh = millisecond << (5 * _RANDOM_CHARACTERS) | secrets.randbits(5 * _RANDOM_CHARACTERS)
        step = 1 + secrets.randbits(_STEP_BITS)
        with self._lock:
            is_next = millisecond == self._millisecond or (millisecond > self._millisecond and fresh <= self._last)
            self._millisecond, self._last = millisecond, self._last + step if is_next else fresh
            return self._last


_numbers = _Numbers()


def new_id(prefix: str) -> str:
    """A fresh id such as `sub_06b1mz3k4t9qxw2v5c7d`: sorts by the moment of its making, 55 random bits."""
    value = _numbers.take()
    top = 5 * (_TIME_CHARACTERS + _RANDOM_CHARACTERS - 1)
    digits = [_ALPHABET[value >> shift & 31] for shift in range(top, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler

    TextField = models.CharField[str, str]
else:  # Django's fields are generic for type checkers only
    TextField = models.CharField


class IDField(TextField):
    """A primary key that says what it names: `IDField("sub")` makes `sub_...`."""

    def __init__(self, prefix: str = "", **options: Any) -> None:
        self.prefix = prefix
        options.update(primary_key=True, max_length=32, editable=False)
        super().__init__(**options)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """The field as migrations write it: the prefix alone."""
        name, path, _, _ = super().deconstruct()
        return name, path, [self.prefix], {}

    def has_default(self) -> bool:
        """True: every new row names itself."""
        return True

    def get_default(self) -> str:
        """A fresh id."""
        return new_id(self.prefix)


@IDField.register_lookup
class Among(models.Lookup):
    """`id__among`: one of many ids, told the database as one value.

    A blank in the statement for each of a thousand takes longer to fill in than the search that found them.
    """

    lookup_name = "among"
    prepare_rhs = False

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """As rows of a JSON list."""
        column, params = self.process_lhs(compiler, connection)
        among = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608 - a column
        return among, [*params, json.dumps(list(self.rhs))]

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        """As an array."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", [*params, list(self.rhs)]
