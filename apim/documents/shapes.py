"""Shapes: which fields a document may have, and what is wrong with one that has others.

Owns: the words of type errors and of unknown fields. Must not know: what any field means (`meaning` is only carried,
for the reference).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

Pointer = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a document, and where."""

    pointer: Pointer
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text, perhaps one of a few. Shapes: may_be_file = `{ $file: path }` may stand for it."""

    choices: Sequence[str] = ()
    is_required: bool = False
    meaning: str = ""
    may_be_file: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    is_required: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number of at least `least`."""

    least: int = 0
    is_required: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list, each entry of one shape."""

    item: Shape
    is_required: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known fields. Shapes: later = fields of the format that this release cannot do yet."""

    fields: Mapping[str, Shape] = field(default_factory=dict)
    later: Sequence[str] = ()
    is_required: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """A mapping of any names to texts."""

    is_required: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Free:
    """A mapping whose content is judged elsewhere."""

    is_required: bool = False
    meaning: str = ""


Shape = Text | Flag | Number | Items | Record | Texts | Free


def judge(value: object, shape: Shape, pointer: Pointer = ()) -> Iterator[Fault]:
    """Everything in value that is not of the shape."""
    match shape:
        case Record():
            yield from _judge_record(value, shape, pointer)
        case Items():
            yield from _judge_items(value, shape, pointer)
        case Text():
            yield from _judge_text(value, shape, pointer)
        case _:
            if fault := _scalar_fault(value, shape):
                yield Fault(pointer, "documents.type", f"`{_name(pointer)}` must be {fault}.")


def nearest(name: str, known: Sequence[str]) -> str:
    """A sentence with the most similar known name, or with all of them."""
    close = get_close_matches(name, known, n=1, cutoff=0.5) or [
        one for one in known if one.lower().replace("_", "") == name.lower().replace("_", "")
    ]
    return f"Did you mean `{close[0]}`?" if close else f"Known: {', '.join(sorted(known))}."


def _judge_record(value: object, shape: Record, pointer: Pointer) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault(pointer, "documents.type", f"`{_name(pointer)}` must be a mapping.")
        return
    for name, content in value.items():
        known = shape.fields.get(name) if isinstance(name, str) else None
        at = (*pointer, str(name))
        if known is not None:
            yield from judge(content, known, at)
        elif name in shape.later:
            yield Fault(at, "documents.not_supported", f"`{name}` is not supported yet.", "Leave it out for now.")
        elif name in {"$env", "$secret"}:
            yield Fault(at, "documents.not_supported", f"`{name}` is not supported yet.", "Write the value itself.")
        else:
            yield Fault(
                at, "documents.unknown_field", f"Unknown field `{name}`.", nearest(str(name), list(shape.fields))
            )
    for name, known in shape.fields.items():
        if known.is_required and name not in value:
            yield Fault(pointer, "documents.missing_field", f"`{name}` is missing.")


def _judge_items(value: object, shape: Items, pointer: Pointer) -> Iterator[Fault]:
    if not isinstance(value, list):
        yield Fault(pointer, "documents.type", f"`{_name(pointer)}` must be a list.")
        return
    for index, item in enumerate(value):
        yield from judge(item, shape.item, (*pointer, str(index)))


def _scalar_fault(value: object, shape: Flag | Number | Texts | Free) -> str:
    """What value should be and is not; "" when it is."""
    match shape:
        case Flag():
            return "" if isinstance(value, bool) else "true or false"
        case Number(least):
            is_count = isinstance(value, int) and not isinstance(value, bool) and value >= least
            return "" if is_count else f"a whole number of at least {least}"
        case Texts():
            is_texts = isinstance(value, Mapping) and all(
                isinstance(part, str) for pair in value.items() for part in pair
            )
            return "" if is_texts else "pairs of a name and a text"
        case Free():
            return "" if isinstance(value, Mapping) else "a mapping"


def _judge_text(value: Any, shape: Text, pointer: Pointer) -> Iterator[Fault]:
    if shape.may_be_file and isinstance(value, Mapping) and set(value) == {"$file"}:
        yield from _judge_text(value["$file"], Text(is_required=True), (*pointer, "$file"))
    elif isinstance(value, Mapping) and set(value) & {"$env", "$secret"}:
        yield from _judge_record(value, Record(), pointer)
    elif not isinstance(value, str):
        hint = f'Put it in quotes: "{value}".' if isinstance(value, int | float) else ""
        yield Fault(pointer, "documents.type", f"`{_name(pointer)}` must be a text.", hint)
    elif shape.choices and value not in shape.choices:
        message = f"`{value}` is not possible for `{_name(pointer)}`."
        yield Fault(pointer, "documents.value", message, nearest(value, list(shape.choices)))
    elif shape.is_required and not value:
        yield Fault(pointer, "documents.value", f"`{_name(pointer)}` is empty.")


def _name(pointer: Pointer) -> str:
    """The last name in a pointer, with the index after it when it ends in a list."""
    names = [step for step in pointer if not step.isdigit()]
    return names[-1] if names else "document"
