"""Source: YAML 1.2 or JSON text that a stranger gave, read into plain values under limits.

Owns: which parser reads what, and the guard against texts that are small but grow. Must not know: what the values mean.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import yaml
import yaml12

from apim.openapi.positions import line_of

BYTES_AT_MOST = 20 * 1024 * 1024
DEPTH_AT_MOST = 200
# After aliases are expanded; the largest published documents have about a million values.
NODES_AT_MOST = 5_000_000
TEXT_AT_MOST = 64 * 1024 * 1024

_ANCHOR = re.compile(r"(?m)(?:^|[\s\[{,])&[^\s,\[\]{}]")
_DEEP_INDENT = re.compile(rf"(?m)^[ \t?:-]{{{DEPTH_AT_MOST}}}")
_FAULT_LINE = re.compile(r" at byte \d+ line (\d+) column \d+")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


class SourceFault(ValueError):
    """The text cannot be read at all. Shapes: line counts from 1, 0 = the text as a whole."""

    def __init__(self, message: str, *, line: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Source:
    """Shapes: format is json or yaml; value is made of dict, list, str, int, float, bool and None.

    Of a key that a mapping has twice, value holds the last; may_repeat_keys False says that there is none.
    """

    format: str
    value: object
    may_repeat_keys: bool


def read_source(text: str) -> Source:
    """The single document in text.

    Errors: SourceFault for text that is too large, too deep, too repetitive or not well-formed.
    """
    _require_readable(text)
    stripped = text.lstrip("\ufeff \t\r\n")
    if stripped.startswith(("{", "[")):
        objects = _Objects()
        try:
            return Source("json", json.loads(stripped, object_pairs_hook=objects.take), objects.have_repeated_keys)
        except RecursionError:
            raise _too_deep() from None
        except ValueError as error:
            if not _is_yaml_flow(error):
                raise _json_fault(error, text) from error
    return Source("yaml", read_yaml(text)[0], may_repeat_keys=True)  # its parser does not tell


def read_yaml(text: str) -> list[object]:
    """Every YAML document in text, one at least."""
    _require_readable(text)
    if _ANCHOR.search(text) or _DEEP_INDENT.search(text):
        _require_bounded(text)
    try:
        return [*yaml12.parse_yaml(text.removeprefix("\ufeff"), multi=True)] or [None]
    except ValueError as error:
        raise _yaml_fault(str(error)) from error


def write_yaml(value: object) -> str:
    """The value as one YAML 1.2 document."""
    return str(yaml12.format_yaml(value)).rstrip("\n") + "\n"


class _Objects:
    """Makes the objects of a JSON text, and notes when one has a key twice."""

    def __init__(self) -> None:
        self.have_repeated_keys = False

    def take(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        """The object; the last of equal keys wins, as without this."""
        made = dict(pairs)
        self.have_repeated_keys |= len(made) < len(pairs)
        return made


def _require_readable(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > BYTES_AT_MOST:
        message = f"The document has {size:,} bytes; {BYTES_AT_MOST:,} is the most."
        raise SourceFault(message, hint="Split the API into several.")
    if not text.strip("\ufeff \t\r\n"):
        raise SourceFault("The document is empty.")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise SourceFault(f"The document holds the control character U+{ord(found[0]):04X}.", line=line)
    if re.search("[\ud800-\udfff]", text):
        raise SourceFault("The document is not valid UTF-8.", hint="Save it as UTF-8.")


def _require_bounded(text: str) -> None:
    """Refuse what the parser would blow up on: it copies each alias, and it recurses on nested blocks."""
    sizes: dict[str, tuple[int, int]] = {}
    open_nodes: list[tuple[str, int, int]] = []
    total = characters = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                nodes, length = sizes.get(event.anchor or "", (1, 0))
                total, characters = total + nodes, characters + length
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                open_nodes.append((event.anchor or "", total, characters))
                total += 1
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                anchor, start, first = open_nodes.pop()
                sizes[anchor] = total - start, characters - first
            elif isinstance(event, yaml.ScalarEvent):
                total, characters = total + 1, characters + len(event.value)
                sizes[event.anchor or ""] = 1, len(event.value)
            if len(open_nodes) > DEPTH_AT_MOST:
                raise _too_deep(line_of(event))
            if total > NODES_AT_MOST or characters > TEXT_AT_MOST:
                raise _too_much(line_of(event))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SourceFault(f"This is not valid YAML: {error.problem}.", line=line) from error


def _too_much(line: int) -> SourceFault:
    message = f"The document's aliases expand to more than {NODES_AT_MOST:,} values or {TEXT_AT_MOST:,} characters."
    return SourceFault(message, line=line)


def _too_deep(line: int = 0) -> SourceFault:
    return SourceFault(f"The document is nested more than {DEPTH_AT_MOST} levels deep.", line=line)


def _is_yaml_flow(error: ValueError) -> bool:
    """True when text that begins like JSON may be YAML after all: `{a: 1}` fails where its first key begins."""
    if not isinstance(error, json.JSONDecodeError) or not error.msg.startswith("Expecting property name"):
        return False
    found = error.doc[error.pos : error.pos + 1]
    return found.isalnum() or found in {"'", "_", "#"}


def _json_fault(error: ValueError, text: str) -> SourceFault:
    if not isinstance(error, json.JSONDecodeError):
        return SourceFault(f"This is not valid JSON: {error}.")
    skipped = text[: len(text) - len(error.doc)].count("\n")
    return SourceFault(f"This is not valid JSON: {error.msg.lower()}.", line=error.lineno + skipped)


def _yaml_fault(text: str) -> SourceFault:
    if "recursion limit" in text:
        return _too_deep()
    found = _FAULT_LINE.search(text)
    message = _FAULT_LINE.sub("", text.removeprefix("YAML parse error: "))
    return SourceFault(f"This is not valid YAML: {message}.", line=int(found[1]) if found else 0)
