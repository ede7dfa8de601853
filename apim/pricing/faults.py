"""Faults: what is wrong in the words of a plan, where, and how to mend it; and the reading of single fields.

The fields of documents have camelCase names; values of money are texts, for a number would lose digits on its way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from apim.pricing.money import CURRENCIES, minor_digits

At = tuple[str, ...]

_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,15})?", re.ASCII)
_FINEST = 12  # decimal places of the minor unit: the finest price that payment providers take
LARGEST_COUNT = 10**15


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. Shapes: at = the way to it in the plan's `spec`, such as ("prices", "1", "unit")."""

    at: At
    message: str
    hint: str = ""


class Fields:
    """The fields of one mapping, read one by one; what is wrong with them is collected in `faults`.

    Each method gives the default for a field that is absent or wrong, so that one reading finds every fault.
    """

    def __init__(self, source: object, at: At, faults: list[Fault]) -> None:
        self.at = at
        self.faults = faults
        self.source: Mapping[str, Any] = source if isinstance(source, Mapping) else {}
        if not isinstance(source, Mapping):
            self.fault("", "This must be a mapping.")

    def fault(self, name: str, message: str, hint: str = "") -> None:
        """Note what is wrong with a field; "" is the mapping itself."""
        self.faults.append(Fault((*self.at, name) if name else self.at, message, hint))

    def only(self, names: Iterable[str]) -> None:
        """Refuse every field but these."""
        known = list(names)
        for name in self.source:
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                hint = f"Did you mean `{near[0]}`?" if near else f"It has: {', '.join(known)}."
                self.fault(str(name), f"Unknown field `{name}`.", hint)

    def below(self, name: str) -> Fields | None:
        """The fields of a mapping inside, None when it is absent."""
        return Fields(self.source[name], (*self.at, name), self.faults) if name in self.source else None

    def items(self, name: str) -> list[Fields]:
        """The mappings of a list; [] when it is absent."""
        value = self.source.get(name, [])
        if not isinstance(value, list | tuple):
            self.fault(name, f"`{name}` must be a list.")
            return []
        return [Fields(each, (*self.at, name, str(index)), self.faults) for index, each in enumerate(value)]

    def text(self, name: str, *, default: str | None = None) -> str:
        """A text; required without a default."""
        value = self.source.get(name, default)
        if value is None:
            self.fault("", f"`{name}` is missing.")
        elif not isinstance(value, str) or not value:
            self.fault(name, f"`{name}` must be a text.")
        else:
            return value
        return default or ""

    def choice(self, name: str, choices: Sequence[str], *, default: str | None = None) -> str:
        """One of a few words; required without a default."""
        before = len(self.faults)
        value = self.text(name, default=default)
        if len(self.faults) == before and value not in choices:
            near = get_close_matches(value, choices, n=1)
            hint = f"Did you mean `{near[0]}`?" if near else f"One of {', '.join(choices)}."
            self.fault(name, f"`{value}` is not possible for `{name}`.", hint)
        return value if value in choices else default or choices[0]

    def count(self, name: str, *, least: int = 0, default: int | None = None) -> int:
        """A whole number; required without a default."""
        value = self.source.get(name, default)
        if value is None:
            self.fault("", f"`{name}` is missing.")
        elif isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_COUNT:
            self.fault(name, f"`{name}` must be a whole number of at least {least:,}.")
        else:
            return value
        return default if default is not None else least

    def currency(self) -> str:
        """The code of a currency, "" when it is absent."""
        value = self.source.get("currency", "")
        if value and value not in CURRENCIES:
            known = isinstance(value, str) and value.upper() in CURRENCIES
            hint = f"Write `{str(value).upper()}`." if known else "Three capital letters of ISO 4217, such as `EUR`."
            self.fault("currency", f"`{value}` is no currency.", hint)
            return ""
        return str(value)

    def amount(self, name: str, currency: str, *, default: str | None = None) -> Decimal:
        """An amount of money in whole minor units; required without a default."""
        return self._decimal(name, default, minor_digits(currency) if currency else None, currency)

    def amounts(self, name: str, currency: str) -> tuple[Decimal, ...]:
        """The amounts of a list; () when it is absent."""
        value = self.source.get(name, [])
        if not isinstance(value, list | tuple):
            self.fault(name, f"`{name}` must be a list of amounts.")
            return ()
        inside = Fields({str(index): each for index, each in enumerate(value)}, (*self.at, name), self.faults)
        return tuple(inside.amount(index, currency) for index in inside.source)

    def price(self, name: str, currency: str, *, default: str | None = None) -> Decimal:
        """The price of one unit, finer than the minor unit where need be; required without a default."""
        return self._decimal(name, default, minor_digits(currency) + _FINEST if currency else None, currency)

    def _decimal(self, name: str, default: str | None, digits: int | None, currency: str) -> Decimal:
        value = self.source.get(name, default)
        if value is None:
            self.fault("", f"`{name}` is missing.", 'Write an amount as a text, such as "29.00".')
        elif not isinstance(value, str):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            hint = f'Put it in quotes: "{value}".' if number else 'Such as "29.00".'
            self.fault(name, f"`{name}` must be an amount as a text.", hint)
        elif not _DECIMAL.fullmatch(value):
            self.fault(name, f"`{value}` is no amount.", 'Digits and a point, such as "29.00"; not below zero.')
        elif digits is not None and len(value.partition(".")[2].rstrip("0" if digits else "")) > digits:
            places = f"{digits} decimal places" if digits else "no decimal places"
            self.fault(name, f"`{value}` is too fine: {currency} has {places} here.", "Write fewer decimal places.")
        else:
            return Decimal(value)
        return Decimal(default or 0)
