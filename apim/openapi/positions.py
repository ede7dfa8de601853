"""Positions: on which line of a YAML or JSON text a JSON pointer leads to.

Owns: scanning a text a second time, only when something is wrong in it. Parsed values carry no lines, and the parsers
that keep them are ten times slower than those that do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import yaml

Pointer = tuple[str, ...]
NODES_AT_MOST = 500_000  # a few seconds; what stands behind them is shown at the line of its last known parent

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_JSON_KINDS = {"{": "map", "[": "list", "}": "end", "]": "end"}
_JSON_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Token(NamedTuple):
    """A step of either syntax. Shapes: kind is map, list, end, scalar or alias; text is a scalar's."""

    kind: str
    line: int
    text: str = ""


class TextPositions:
    """The lines of the pointers asked for, found in one scan of the text."""

    def __init__(self, text: str, format_name: str, index: int = 0) -> None:
        """Nothing is scanned yet. Shapes: index counts the documents of a YAML text."""
        self._text = text
        self._format = format_name
        self._index = index

    def lines(self, pointers: Iterable[Pointer]) -> dict[Pointer, int]:
        """The line, counted from 1, of each pointer; of its nearest parent when the text has no such place."""
        return lines_among(walk(self._tokens()), pointers)

    def _tokens(self) -> Iterator[Token]:
        return json_tokens(self._text) if self._format == "json" else yaml_tokens(self._text, self._index)


def lines_among(walked: Iterable[tuple[Pointer, int]], pointers: Iterable[Pointer]) -> dict[Pointer, int]:
    """The line of each pointer, or of its nearest parent, among the nodes of one document as walk tells them."""
    wanted = set(pointers)
    if not wanted:
        return {}
    # Parents too: what is missing is shown where it should have been.
    nodes = {pointer[:length] for pointer in wanted for length in range(len(pointer) + 1)}
    found: dict[Pointer, int] = {}
    try:
        for pointer, line in islice(walked, NODES_AT_MOST):
            if pointer in nodes and pointer not in found:
                found[pointer] = line
                if len(found) == len(nodes):
                    break
    except yaml.YAMLError:
        pass  # what this scanner (YAML 1.1) cannot read keeps the lines found so far
    return {pointer: _nearest(pointer, found) for pointer in wanted}


def _nearest(pointer: Pointer, found: dict[Pointer, int]) -> int:
    return next((found[pointer[:n]] for n in range(len(pointer), -1, -1) if pointer[:n] in found), 1)


def pointer_text(pointer: Sequence[str]) -> str:
    """The pointer as RFC 6901 writes it, such as `/paths/~1accounts/get`."""
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in pointer)


def walk(tokens: Iterable[Token]) -> Iterator[tuple[Pointer, int]]:
    """Each node of one document as its pointer and line; an entry of a mapping has the line of its key."""
    # A frame is [pointer, next index or None for a mapping, key that waits for its value, line of that key].
    frames: list[tuple[Pointer, list[int] | None]] = []
    keys: list[tuple[str, int] | None] = []
    for token in tokens:
        if token.kind == "end":
            frames.pop()
            keys.pop()
            continue
        pointer: Pointer = ()
        line = token.line
        if frames:
            parent, index = frames[-1]
            if index is not None:
                pointer = (*parent, str(index[0]))
                index[0] += 1
            elif keys[-1] is None and token.kind in {"scalar", "alias"}:
                keys[-1] = (token.text, token.line)
                continue
            else:
                name, line = keys[-1] or ("", token.line)
                pointer = (*parent, name)
                keys[-1] = None
        yield pointer, line
        if token.kind in {"map", "list"}:
            frames.append((pointer, [0] if token.kind == "list" else None))
            keys.append(None)


def repeated_keys(nodes: Iterable[tuple[Pointer, int]]) -> Iterator[tuple[Pointer, int, int]]:
    """Each key that a mapping has twice, as pointer, line of the first and line of this one. Shapes: nodes of walk."""
    lines: list[dict[str, int]] = []  # of the keys of each mapping that is open
    for pointer, line in nodes:
        depth = len(pointer)
        del lines[depth:]
        if depth:
            first = lines[depth - 1].get(pointer[-1])
            if first is not None:
                yield pointer, first, line
            else:
                lines[depth - 1][pointer[-1]] = line
        lines.append({})


def yaml_tokens(text: str, index: int = 0) -> Iterator[Token]:
    """The steps of one YAML document of text, the first unless another is asked for."""
    number = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentEndEvent):
            if number == index:
                return
            number += 1
        elif number == index and (token := _token_of(event)):
            yield token


def yaml_documents(text: str) -> Iterator[list[Token]]:
    """The steps of each YAML document of text."""
    tokens: list[Token] = []
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if token := _token_of(event):
            tokens.append(token)
        elif isinstance(event, yaml.DocumentEndEvent):
            yield tokens
            tokens = []


def _token_of(event: yaml.Event) -> Token | None:
    line = line_of(event)
    match event:
        case yaml.MappingStartEvent():
            return Token("map", line)
        case yaml.SequenceStartEvent():
            return Token("list", line)
        case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
            return Token("end", line)
        case yaml.ScalarEvent():
            return Token("scalar", line, event.value)
        case yaml.AliasEvent():
            return Token("alias", line, event.anchor or "")
    return None


def line_of(event: yaml.Event) -> int:
    """The line of an event, counted from 1."""
    return event.start_mark.line + 1 if event.start_mark else 0


def json_tokens(text: str) -> Iterator[Token]:
    """The steps of a JSON text that a parser has accepted."""
    line, counted = 1, 0
    for match in _JSON_TOKEN.finditer(text):
        written, start = match[0], match.start()
        line += text.count("\n", counted, start)
        counted = start
        if kind := _JSON_KINDS.get(written):
            yield Token(kind, line)
        elif written not in {",", ":"}:
            yield Token("scalar", line, _unquoted(written))


def _unquoted(written: str) -> str:
    if "\\" not in written:
        return written.strip('"')
    return _JSON_ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _JSON_ESCAPED.get(m[2], m[2]), written[1:-1])
