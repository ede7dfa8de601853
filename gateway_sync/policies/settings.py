"""SettingsReader: reads the settings of one policy field by field and collects what is wrong with them.

Owns: the wording of type errors and of unknown fields. Must not know: any policy kind.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

from gateway_sync.policies.units import parse_duration_ms, parse_rate, parse_size_bytes
from gateway_sync.problems import Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """A sentence that names the most similar known word, or all of them."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f'Did you mean "{close[0]}"?' if close else f"Known: {', '.join(names)}."


class SettingsReader:
    """Typed access to unchecked settings; every fault becomes a Problem, and the field's default stands in.

    Shapes: codes are <kind>.E001 unknown field, .E002 wrong value, .E003 missing field.
    """

    def __init__(self, kind: str, settings: Mapping[str, object], where: Where) -> None:
        """Nothing is read yet."""
        self._code = kind.replace("-", "_")
        self._settings = settings
        self._where = where
        self._known: list[str] = []
        self._problems: list[Problem] = []

    def refuse(self, field: str, message: str, hint: str = "", number: int = 2) -> None:
        """Note a Problem about one field."""
        where = Where(self._where.kind, self._where.id, ".".join(part for part in (self._where.field, field) if part))
        self._problems.append(Problem(f"{self._code}.E{number:03d}", message, where, hint))

    def problems(self) -> tuple[Problem, ...]:
        """All faults, those of fields that nobody asked for included."""
        unknown = [name for name in self._settings if name not in self._known]
        for name in unknown:
            self.refuse(str(name), f'Unknown setting "{name}".', nearest_hint(str(name), self._known), 1)
        return tuple(sorted(self._problems))

    def _take(self, field: str) -> object:
        self._known.append(field)
        return self._settings.get(field)

    def require(self, field: str) -> None:
        """Note a Problem when the field is absent."""
        if self._settings.get(field) is None:
            self.refuse(field, f'"{field}" is missing.', number=3)

    def text(self, field: str, default: str = "") -> str:
        """A string."""
        value = self._take(field)
        if value is None:
            return default
        if not isinstance(value, str):
            self.refuse(field, f'"{field}" must be text.')
            return default
        return value

    def flag(self, field: str, *, default: bool) -> bool:
        """True or false."""
        value = self._take(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.refuse(field, f'"{field}" must be true or false.')
            return default
        return value

    def integer(self, field: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
        """A whole number between least and most."""
        value = self._take(field)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse(field, f'"{field}" must be a whole number from {least} to {most}.')
            return default
        return value

    def choice(self, field: str, choices: Sequence[str], default: str) -> str:
        """One of the given words."""
        value = self.text(field, default)
        if value not in choices:
            self.refuse(field, f'"{value}" is not possible for "{field}".', nearest_hint(value, choices))
            return default
        return value

    def duration_s(self, field: str, default: int) -> int:
        """Whole seconds, written as a number or as "10m"."""
        value = self._take(field)
        if value is None:
            return default
        milliseconds = parse_duration_ms(str(value)) if isinstance(value, int | str) else None
        if milliseconds is None or milliseconds % 1000 or isinstance(value, bool):
            self.refuse(field, f'"{field}" must be a duration in whole seconds.', 'Write "30s", "10m" or "1h".')
            return default
        return milliseconds // 1000

    def duration_ms(self, field: str, default: int) -> int:
        """Milliseconds, written as a number of seconds or as "250ms"."""
        value = self._take(field)
        if value is None:
            return default
        milliseconds = parse_duration_ms(str(value)) if isinstance(value, int | str) else None
        if milliseconds is None or isinstance(value, bool):
            self.refuse(field, f'"{field}" must be a duration.', 'Write "250ms", "30s" or "10m".')
            return default
        return milliseconds

    def size_bytes(self, field: str, default: int) -> int:
        """Bytes, written as a number or as "1MiB"."""
        value = self._take(field)
        if value is None:
            return default
        size = parse_size_bytes(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
        if size is None:
            self.refuse(field, f'"{field}" must be a size.', 'Write "64KiB", "1MiB" or a number of bytes.')
            return default
        return size

    def rate(self, field: str, default: tuple[int, int]) -> tuple[int, int]:
        """(requests, per_s), written as "10/s"."""
        value = self._take(field)
        if value is None:
            return default
        rate = parse_rate(value) if isinstance(value, str) else None
        if rate is None:
            self.refuse(field, f'"{field}" must be a rate.', 'Write "10/s", "100/m" or "5/10s".')
            return default
        return rate

    def names(self, field: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of words; one word alone counts as a list of one."""
        value = self._take(field)
        if value is None:
            return default
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
            self.refuse(field, f'"{field}" must be a list of words.')
            return default
        return tuple(items)

    def pairs(self, field: str) -> tuple[tuple[str, str], ...]:
        """A mapping of names to texts, by name; numbers count as the texts that they are written with."""
        value = self._take(field)
        if value is None:
            return ()
        if not isinstance(value, Mapping) or not all(
            isinstance(name, str) and name and isinstance(text, str | int) and not isinstance(text, bool)
            for name, text in value.items()
        ):
            self.refuse(field, f'"{field}" must be a mapping of names to texts.', 'Write { X-Team: "payments" }.')
            return ()
        return tuple(sorted((name, str(text)) for name, text in value.items()))

    def alternatives(self, field: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """A mapping of names to the texts that do for each, by name: a list, or a text with ` | ` between them."""
        value = self._take(field)
        if value is None:
            return ()
        found: list[tuple[str, tuple[str, ...]]] = []
        for name, texts in value.items() if isinstance(value, Mapping) else [("", None)]:
            values = _alternatives(texts)
            if not isinstance(name, str) or not name or not values:
                self.refuse(
                    field, f'"{field}" must be a mapping of names to texts.', 'Write { tier: "gold | silver" }.'
                )
                return ()
            found.append((name, values))
        return tuple(sorted(found))

    def networks(self, field: str) -> tuple[str, ...]:
        """A list of addresses or CIDR blocks, in canonical form."""
        blocks: list[str] = []
        for item in self.names(field):
            try:
                blocks.append(str(ipaddress.ip_network(item, strict=False)))
            except ValueError:
                self.refuse(field, f'"{item}" is neither an address nor a network.', 'Write "10.0.0.0/8".')
        return tuple(blocks)


def _alternatives(texts: object) -> tuple[str, ...]:
    """The texts of a list, or between the strokes of one text; () when one of them is none."""
    if isinstance(texts, str | int) and not isinstance(texts, bool):
        texts = str(texts).split("|")
    if not isinstance(texts, list | tuple):
        return ()
    found = tuple(text.strip() for text in texts if isinstance(text, str) and text.strip())
    return found if len(found) == len(texts) else ()
