"""Values: what steps hand on, and the texts and documents that are filled with them.

A placeholder such as `{request.body.amount}` or `{steps.balance.body.balance}` names one value. A text that is nothing
but one placeholder becomes the value itself, of any type; within a longer text a value is written out. There are no
functions and no code: filling ends, and fails only with ValueMissing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

_BRACES = re.compile(r"\{([^{}]*)\}")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_FACTS: Final = (
    "application.id", "application.name", "organization.id", "credential.id", "subscription.id", "plan.id",
    "client.address", "request.id", "request.method", "request.path", "operation",
)  # fmt: skip
REQUEST_PARTS: Final = ("body", "path", "query", "header")
STEP_PARTS: Final = ("body", "status", "header")


class Missing:
    """What a placeholder gives whose value is not there; MISSING is the only one."""

    __slots__ = ()


MISSING: Final = Missing()


class ValueMissing(ValueError):
    """A text cannot be filled: the value is not there, or is a list or an object."""

    def __init__(self, message: str, *, is_of_request: bool = False) -> None:
        """is_of_request = the caller could mend it."""
        super().__init__(message)
        self.is_of_request = is_of_request


@dataclass(frozen=True, slots=True)
class StepValue:
    """What a step gave. Shapes: headers by lower-case name; body is MISSING when there was none or it was no JSON."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = MISSING


@dataclass(slots=True)
class Values:
    """All that placeholders can name. Shapes: facts by their names; path, query and headers of the request by name."""

    facts: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = MISSING
    steps: dict[str, StepValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """One placeholder. Shapes: step "" = of the request or a fact; part is one of REQUEST_PARTS, STEP_PARTS or fact."""

    text: str
    step: str
    part: str
    name: str  # of a path parameter, a field, a fact
    pointer: tuple[str, ...]  # into a body

    def find(self, values: Values) -> object:
        """The value, MISSING when it is not there."""
        if self.part == "fact":
            return values.facts.get(self.name, MISSING) or MISSING
        if self.step:
            return self._find_in_step(values.steps.get(self.step))
        if self.part == "body":
            return _at(values.body, self.pointer)
        where = {"path": values.path, "query": values.query, "header": values.headers}[self.part]
        return where.get(self.name, MISSING)

    def _find_in_step(self, step: StepValue | None) -> object:
        if step is None:
            return MISSING
        if self.part == "status":
            return step.status or MISSING
        return _at(step.body, self.pointer) if self.part == "body" else step.headers.get(self.name, MISSING)


def read_reference(text: str) -> Reference | None:
    """The placeholder between two braces; None when it names nothing that there can be."""
    if text in _FACTS:
        return Reference(text, "", "fact", text, ())
    start, _, rest = text.partition(".")
    step = ""
    if start == "steps":
        step, _, rest = rest.partition(".")
        if not step:
            return None
    elif start != "request":
        return None
    part = re.split(r"[./]", rest, maxsplit=1)[0]
    tail = rest[len(part) :]
    if part not in (STEP_PARTS if step else REQUEST_PARTS):
        return None
    if part == "body":
        pointer = _pointer(tail)
        return Reference(text, step, part, "", pointer) if pointer is not None else None
    if part == "status":
        return Reference(text, step, part, "", ()) if not tail else None
    name = tail[1:]
    if not name or tail[0] != ".":
        return None
    return Reference(text, step, part, name.lower() if part == "header" else name, ())


def _pointer(tail: str) -> tuple[str, ...] | None:
    """The way into a body: `.a.0.b`, or a JSON pointer `/a/0/b` (RFC 6901), for names with dots."""
    if not tail:
        return ()
    if tail[0] == ".":
        parts = tuple(tail[1:].split("."))
        return parts if all(parts) else None
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in tail[1:].split("/"))


def _at(value: object, pointer: Sequence[str]) -> object:
    for part in pointer:
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and _INDEX.fullmatch(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text with placeholders. Shapes: parts are texts and references in turn; source as it was written."""

    source: str
    parts: tuple[str | Reference, ...]

    @property
    def references(self) -> Iterator[Reference]:
        """The placeholders, in order."""
        return (part for part in self.parts if isinstance(part, Reference))

    def value(self, values: Values) -> object:
        """The value of a text that is one placeholder, else the filled text. Errors: ValueMissing."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Reference):
            return self.parts[0].find(values)
        return self.fill(values, str)

    def fill(self, values: Values, escape: Callable[[str], str]) -> str:
        """The text with each value escaped. Errors: ValueMissing."""
        return "".join(
            part if isinstance(part, str) else escape(_written(part, part.find(values))) for part in self.parts
        )


def _written(reference: Reference, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | Decimal):
        return str(value)
    what = "is not there" if value is MISSING or value is None else "is a list or an object"
    is_of_request = not reference.step and reference.part != "fact"
    raise ValueMissing(f"{{{reference.text}}} {what}", is_of_request=is_of_request)


def read_text(source: str) -> tuple[Text, tuple[str, ...]]:
    """The text, and the placeholders in it that name nothing; "{" or "}" for braces that do not pair."""
    parts: list[str | Reference] = []
    unknown: list[str] = []
    for number, piece in enumerate(_BRACES.split(source)):
        if number % 2 == 0:
            unknown += [brace for brace in "{}" if brace in piece]
            if piece:
                parts.append(piece)
        elif (reference := read_reference(piece)) is not None:
            parts.append(reference)
        else:
            unknown.append(piece)
    return Text(source, tuple(parts)), tuple(unknown)


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value whose texts may hold placeholders. Shapes: source as it was written; filled holds Text for text."""

    source: object
    content: object

    @property
    def references(self) -> Iterator[Reference]:
        """The placeholders anywhere within."""
        return _references(self.content)

    def fill(self, values: Values) -> object:
        """The value; members whose value is not there are left out, in lists they become null. Errors: ValueMissing.

        Shapes: MISSING when the whole is one placeholder without a value.
        """
        return _filled(self.content, values)


def _references(content: object) -> Iterator[Reference]:
    if isinstance(content, Text):
        yield from content.references
    elif isinstance(content, Mapping):
        for part in content.values():
            yield from _references(part)
    elif isinstance(content, list):
        for part in content:
            yield from _references(part)


def _filled(content: object, values: Values) -> object:
    if isinstance(content, Text):
        return content.value(values)
    if isinstance(content, Mapping):
        found = ((name, _filled(part, values)) for name, part in content.items())
        return {name: part for name, part in found if part is not MISSING}
    if isinstance(content, list):
        return [None if (value := _filled(part, values)) is MISSING else value for part in content]
    return content


def read_template(source: object) -> tuple[Template, tuple[str, ...]]:
    """The template, and the placeholders in it that name nothing."""
    unknown: list[str] = []

    def read(part: object) -> object:
        if isinstance(part, str):
            text, faults = read_text(part)
            unknown.extend(faults)
            return text if any(True for _ in text.references) else part
        if isinstance(part, Mapping):
            return {str(name): read(value) for name, value in part.items()}
        return [read(value) for value in part] if isinstance(part, list | tuple) else part

    content = read(source)
    return Template(source, content), tuple(unknown)


def known_names() -> tuple[str, ...]:
    """The forms of placeholders, for hints and the reference."""
    forms = ("request.body", "request.path.NAME", "request.query.NAME", "request.header.NAME")
    return (*forms, "steps.STEP.body", "steps.STEP.status", "steps.STEP.header.NAME", *_FACTS)
