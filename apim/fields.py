"""Model fields that every app shares."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from django.db import models

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread
_TIME_CHARACTERS = 9
_RANDOM_CHARACTERS = 11


def new_id(prefix: str) -> str:
    """A fresh id such as `sub_06b1mz3k4t9qxw2v5c7d`: sorts by the millisecond of its making, 55 random bits."""
    value = (time.time_ns() // 1_000_000) << (5 * _RANDOM_CHARACTERS) | secrets.randbits(5 * _RANDOM_CHARACTERS)
    top = 5 * (_TIME_CHARACTERS + _RANDOM_CHARACTERS - 1)
    digits = [_ALPHABET[value >> shift & 31] for shift in range(top, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


if TYPE_CHECKING:
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
