"""Manifests: the YAML documents of a text as plain values, and the fields that a mapping has twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from apim.openapi.positions import Pointer, lines_among, repeated_keys, walk, yaml_documents
from apim.openapi.source import SourceFault, read_yaml


@dataclass(frozen=True, slots=True)
class Manifests:
    """Shapes: values by document; repeated = by the number of a document, where a key stands again, and its line."""

    values: list[object]
    repeated: dict[int, list[tuple[Pointer, int]]]


def read_manifests(text: str) -> Manifests:
    """What is in text. Errors: SourceFault."""
    return Manifests(read_yaml(text), _repeated(text))


def lines_of(text: str, places: Sequence[tuple[int, Pointer]]) -> list[int]:
    """The line of each place, in one scan of text. Shapes: a place is the number of a document and a pointer in it."""
    wanted: dict[int, list[Pointer]] = {}
    for index, pointer in places:
        wanted.setdefault(index, []).append(pointer)
    found: dict[int, dict[Pointer, int]] = {}
    for index, tokens in enumerate(yaml_documents(text)):
        if index in wanted:
            found[index] = lines_among(walk(tokens), wanted[index])
            if len(found) == len(wanted):
                break
    return [found.get(index, {}).get(pointer, 1) for index, pointer in places]


def _repeated(text: str) -> dict[int, list[tuple[Pointer, int]]]:
    """The parser keeps the last of equal keys, silently."""
    found: dict[int, list[tuple[Pointer, int]]] = {}
    try:
        for index, tokens in enumerate(yaml_documents(text)):
            found[index] = [(pointer, line) for pointer, _, line in repeated_keys(walk(tokens))]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        message = f"This is not valid YAML: {error.problem}."
        raise SourceFault(message, line=line) from error
    return found
