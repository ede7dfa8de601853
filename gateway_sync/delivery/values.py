"""Where two values differ, place by place, and each side as one line that people may read. Pure.

Owns: which places of a nested value are told apart, and what of a value is never shown: of a secret it is told that
it changed, not what it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from gateway_sync.snapshot import digest

HIDDEN: Final = "(not shown)"
_LONGEST: Final = 160  # characters of a side
_BEFORE_IT: Final = 40  # characters that two long texts have in common, shown before where they differ
_MOST_NAMES: Final = 12  # of something that is new or gone as a whole
_TARGET: Final = frozenset({"scheme", "host", "port", "base_path"})
_NAMES: Final = ("name", "id", "kid", "status")  # what tells one of a list from another: the first that does
_GIVEN: Final = frozenset({"set", "add", "headers"})  # settings that map names which people chose to texts
_DEEPEST: Final = 32  # levels of a document in a text that are told apart; of one with more it is shown as the text
_SECRET_NAME: Final = re.compile(r"(?i)auth|cookie|token|key|signature|secret|pass|pwd|private|credential|session")
_SECRET_SETTING: Final = re.compile(r"(?i)secret|passw|private")
_SECRET_TEXT: Final = re.compile(r"(?i)\b(?:bearer|basic)\s+[^\s{]{6,}|://[^/\s:@]+:[^/\s@]+@")
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")  # with a digit and a letter
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")
_PEM: Final = "-----BEGIN "

Path = tuple[str, ...]


class Place(NamedTuple):
    """One place that differs. Shapes: path as documents nest; a side is "" where there is nothing."""

    path: Path
    before: str
    after: str


def places(before: object, after: object, path: Path = ()) -> Iterator[Place]:
    """Each place that differs; what is new or gone as a whole is one place where it has many parts."""
    if before == after:
        return
    old, new = _nested(before), _nested(after)
    if isinstance(old, Mapping) and isinstance(new, Mapping) and (path or old or new):
        if path and min(len(old), len(new)) == 0 and max(len(old), len(new)) > _MOST_NAMES:
            yield Place(path, _names(old), _names(new))
            return
        for name in sorted(old.keys() | new.keys()):
            yield from places(old.get(name), new.get(name), (*path, name))
    elif _is_list(old) and _is_list(new) and _is_long(old, new):
        gone, come = _without(old, new), _without(new, old)
        yield Place(path, _shown(path, gone), _shown(path, come)) if gone or come else _of_texts(path, old, new)
    else:
        yield _of_texts(path, before, after)


def _of_texts(path: Path, before: object, after: object) -> Place:
    """The place with both sides; of two long texts the part where they begin to differ."""
    both = (before, after)
    if not all(isinstance(each, str) and not each.startswith(_PEM) for each in both) or not _is_long(*both):
        return Place(path, _shown(path, before), _shown(path, after))
    old, new = str(before), str(after)
    if _is_hidden(path, old) or _is_hidden(path, new):
        return Place(path, HIDDEN, HIDDEN)
    start = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    return Place(path, _cut(old, start - _BEFORE_IT), _cut(new, start - _BEFORE_IT))


def _shown(path: Path, value: object) -> str:
    """The value as one line, cut where it is long."""
    if value in (None, "", (), [], {}):
        return ""
    if isinstance(value, str) and value.startswith(_PEM):
        return f"{value.count(_PEM)} PEM, {digest(value.encode(errors='replace'))[:8]}"
    return _cut(_line(path, value), 0)


def _line(path: Path, value: object) -> str:
    """The value on one line: targets by their addresses, mappings as `name: value`, secrets not at all."""
    if isinstance(value, Mapping):
        if value.keys() >= _TARGET:
            return _target_words(value)
        return ", ".join(f"{name}: {_line((*path, str(name)), each)}" for name, each in value.items())
    if _is_list(value) and any(isinstance(each, Mapping) for each in value):
        return "; ".join(_line(path, each) for each in value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return HIDDEN if _is_hidden(path, text) else text


def _is_hidden(path: Path, text: str) -> bool:
    """True for what may be a secret: by the name of its header field or query parameter, or by how it looks."""
    fixed = _PLACEHOLDER.sub("", text).strip()
    if not fixed or not path:
        return False
    if _GIVEN.intersection(path[:-1]) and (_SECRET_NAME.search(path[-1]) or _is_opaque(fixed)):
        return True
    return bool(_SECRET_SETTING.search(path[-1]) or _SECRET_TEXT.search(fixed))


def _is_opaque(text: str) -> bool:
    return any(re.search("[0-9]", run) and re.search("[A-Za-z]", run) for run in _OPAQUE.findall(text))


def _without(those: Sequence[object], others: Sequence[object]) -> list[object]:
    """Those that are none of the others, in the time that it takes to read both: publishers write long lists."""
    known = {json.dumps(each, sort_keys=True, default=str) for each in others}
    return [each for each in those if json.dumps(each, sort_keys=True, default=str) not in known]


def _is_long(*values: object) -> bool:
    return any(len(each if isinstance(each, str) else _line((), each)) > _LONGEST for each in values)


def _cut(text: str, start: int) -> str:
    start = max(0, start)
    end = start + _LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _names(value: Mapping[str, object]) -> str:
    """The names of many parts; "" for none."""
    listed = list(value)
    return ", ".join(listed[:_MOST_NAMES]) + (f" +{len(listed) - _MOST_NAMES}" if len(listed) > _MOST_NAMES else "")


def _nested(value: Any) -> Any:
    """The value as mappings, as far as its parts have names: pairs, named things in a list, JSON in a text."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            document = json.loads(value)
        except (ValueError, RecursionError):
            return value
        if _is_deep(document, _DEEPEST):
            return value
        value = document
    if value is None:
        return {}
    if not _is_list(value) or any(isinstance(each, Mapping) and each.keys() >= _TARGET for each in value):
        return value
    if value and all(_is_list(each) and len(each) == 2 and isinstance(each[0], str) for each in value):  # noqa: PLR2004 - a pair
        return _by_name(value, [each[0] for each in value], [each[1] for each in value])
    for name in _NAMES:
        if value and all(isinstance(each, Mapping) and name in each for each in value):
            return _by_name(value, [str(each[name]) for each in value], value)
    return value


def _is_deep(value: object, levels: int) -> bool:
    """True for what nests more levels than so many."""
    parts = value.values() if isinstance(value, Mapping) else value if _is_list(value) else ()
    return levels < 0 or any(_is_deep(each, levels - 1) for each in parts)


def _by_name(value: object, names: Sequence[str], parts: Sequence[object]) -> object:
    """The parts by their names; the value as it is where two share one."""
    found = dict(zip(names, parts, strict=True))
    return found if len(found) == len(parts) else value


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _target_words(target: Mapping[str, object]) -> str:
    host = f"[{target['host']}]" if ":" in str(target["host"]) else target["host"]
    url = f"{target['scheme']}://{host}:{target['port']}{target['base_path']}"
    rest = [f"{name} {target[name]}" for name in ("arm", "priority", "weight") if target.get(name)]
    return f"{url} ({', '.join(rest)})" if rest else url
