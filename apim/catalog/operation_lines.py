"""Operation lines: where in a document's text each operation begins, for an editor to know what the cursor is in. Pure.

Most documents are YAML in blocks, of which the indents tell enough: a scan of its lines takes milliseconds where the
scanner of YAML takes a second. What that scan does not find (JSON, flows, quoted keys over lines) is walked through.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import yaml

from apim.catalog.openapi import Document, read_contract
from apim.openapi.positions import NODES_AT_MOST, json_tokens, walk, yaml_tokens

_KEY = re.compile(r"""(?:"([^"\\]*)"|'([^']*)'|([^\s"'{\[#&*!|>%@`][^#]*?))\s*:(?:\s|$)""")

Names = Sequence[tuple[str, str]]  # method and path of each operation


@dataclass(frozen=True, slots=True)
class OperationLines:
    """Where operations begin.

    Shapes: starts are lines from 1, one an operation, 0 = unknown; end is the first line after all of them.
    """

    starts: tuple[int, ...]
    end: int

    def at(self, line: int) -> int | None:
        """The number of the operation that the line is in; -1 before the first one, None after all of them."""
        if line >= self.end:
            return None
        known = sorted((start, number) for number, start in enumerate(self.starts) if start)
        found = bisect_right(known, (line, len(self.starts)))
        return known[found - 1][1] if found else -1


def read_with_lines(text: str) -> tuple[Document, OperationLines]:
    """The contract as read_contract reads it, and the lines of its operations."""
    document = read_contract(text)
    if not document.is_usable:
        return document, OperationLines((), 0)
    names = tuple((one["method"], one["path"]) for one in document.operations)
    return document, operation_lines(text, document.format, names)


def operation_lines(text: str, format_name: str, names: Names) -> OperationLines:
    """The lines of these operations; the first of a path begins where its path does."""
    found, end = ({}, 0) if format_name == "json" else _scanned(text)
    if not all(name in found for name in names):
        found, end = _walked(text, format_name)
    seen: set[str] = set()
    starts = []
    for method, path in names:
        own, of_path = found.get((method, path), 0), found.get(("", path), 0)
        starts.append(own if own and path in seen else of_path)
        seen.add(path)
    return OperationLines(tuple(starts), end)


def _scanned(text: str) -> tuple[dict[tuple[str, str], int], int]:
    """(lines by method and path, and by "" and path; the line after `paths`), from the indents."""
    found: dict[tuple[str, str], int] = {}
    is_inside, path = False, ""
    path_indent = method_indent = 0
    rows = text.split("\n")
    for number, row in enumerate(rows, 1):
        bare = row.lstrip(" ")
        if not bare.strip() or bare.startswith("#"):
            continue
        indent = len(row) - len(bare)
        if not indent:
            if is_inside:
                return found, number
            is_inside = _key(bare) == "paths"
        elif is_inside:
            path_indent = path_indent or indent
            if indent == path_indent:
                path, method_indent = _key(bare), 0
                found.setdefault(("", path), number)
            elif path:
                method_indent = method_indent or indent
                if indent == method_indent:
                    found.setdefault((_key(bare).upper(), path), number)
    return found, len(rows) + 1


def _key(bare: str) -> str:
    match = _KEY.match(bare)
    return (match[1] or match[2] or match[3] or "") if match else ""


def _walked(text: str, format_name: str) -> tuple[dict[tuple[str, str], int], int]:
    """As _scanned, by each node of the text until those of `paths` are over."""
    found: dict[tuple[str, str], int] = {}
    is_inside = False
    try:
        nodes = walk(json_tokens(text) if format_name == "json" else yaml_tokens(text))
        for pointer, line in islice(nodes, NODES_AT_MOST):
            if len(pointer) == 1:
                if is_inside:
                    return found, line
                is_inside = pointer[0] == "paths"
            elif is_inside and len(pointer) == 2:  # noqa: PLR2004 - a path
                found.setdefault(("", pointer[1]), line)
            elif is_inside and len(pointer) == 3:  # noqa: PLR2004 - what a path has
                found.setdefault((pointer[2].upper(), pointer[1]), line)
    except yaml.YAMLError:
        pass  # what this scanner (YAML 1.1) cannot read keeps the lines found so far
    return found, text.count("\n") + 2
