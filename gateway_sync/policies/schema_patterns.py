"""Patterns of schemas: regular expressions that owners write and callers' texts are matched against.

Owns: which of them a gateway takes. The engine that matches goes through a text once, but for each character it may
look at every place where the pattern can be. So places are counted, with repetitions written out; patterns that look
around or back, which that engine has not, are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MOST_PLACES: Final = 1000
SIZE_LIMIT: Final = 1 << 19  # of a compiled pattern, in bytes
_DATA = frozenset({"const", "enum", "default", "examples", "example"})
_COUNT = re.compile(r"\{(?=,?[0-9])([0-9]{0,9})(?:(,)([0-9]{0,9}))?\}")
_GROUP = re.compile(r"\((\?(?::|P?<[A-Za-z_][A-Za-z0-9_]*>))?")
_CLASS = re.compile(r"\[\^?(?:[^\]\\]|\\.)*\]?", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:[pP]\{[^}]*\}|[xu]\{[^}]*\}|.)", re.DOTALL)


def patterns_in(schema: object, place: str = "#") -> Iterator[tuple[str, str]]:
    """Pairs of a JSON pointer and the pattern that stands there, of a whole JSON Schema."""
    if isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from patterns_in(part, f"{place}/{number}")
    elif isinstance(schema, dict):
        for name, part in schema.items():
            inner = f"{place}/{str(name).replace('~', '~0').replace('/', '~1')}"
            if name == "pattern" and isinstance(part, str):
                yield inner, part
            elif name == "patternProperties" and isinstance(part, dict):
                for pattern, below in part.items():
                    yield inner, str(pattern)
                    yield from patterns_in(below, f"{inner}/{pattern}")
            elif name not in _DATA:
                yield from patterns_in(part, inner)


def fault_of_pattern(pattern: str) -> str:
    """Why a pattern could take too long to match; "" when it cannot."""
    try:
        places = _places(pattern)
    except ValueError as error:
        return str(error)
    if places > MOST_PLACES:
        return f"it repeats {places:,} parts when written out, more than {MOST_PLACES:,}: say maxLength instead"
    return ""


def _places(pattern: str) -> int:
    """The places in a pattern, its counted repetitions written out; where readings differ, the larger number.

    Errors: ValueError for what looks around or back, or changes how the pattern itself is read.
    """
    groups, last = [0], 0  # sums by open group, and what a count would repeat
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "(":
            group = _GROUP.match(pattern, at)
            end = group.end() if group else at + 1
            if pattern[end : end + 1] == "?":
                raise ValueError("it looks around, or sets flags, which cannot be matched in bounded time")
            groups.append(0)
            last = 0
        elif character == ")":
            last = groups.pop() if len(groups) > 1 else 0
            groups[-1] += last
            end = at + 1
        elif character == "{" and (count := _COUNT.match(pattern, at)):
            times = max(1, int(count[3]) if count[3] else int(count[1] or 0) + (count[2] is not None))
            groups[-1] += last * (times - 1)
            last *= times
            end = count.end()
        elif character in "*+?|^$":
            end = at + 1
        else:
            if character == "\\" and pattern[at + 1 : at + 2] in "123456789k" and pattern[at + 1 :]:
                raise ValueError("it looks back, which cannot be matched in bounded time")
            whole = {"[": _CLASS, "\\": _ESCAPE}.get(character)
            match = whole.match(pattern, at) if whole else None
            end = match.end() if match else at + 1
            groups[-1] += 1
            last = 1
        at = end
    return sum(groups)
