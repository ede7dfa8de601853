"""Manifests: the YAML documents of a text as plain values, and the fields that a mapping has twice."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from apim.openapi.positions import Pointer, repeated_keys, walk, yaml_documents
from apim.openapi.source import SourceFault, read_yaml


@dataclass(frozen=True, slots=True)
class Manifests:
    """Shapes: values by document; repeated = by the number of a document, where a key stands again, and its line."""

    values: list[object]
    repeated: dict[int, list[tuple[Pointer, int]]]


def read_manifests(text: str) -> Manifests:
    """What is in text. Errors: SourceFault."""
    return Manifests(read_yaml(text), _repeated(text))


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
