"""Walks: every schema and every reference that is written out in a document, within a fixed amount of work.

Owns: the order in which a document is gone through, and what is left when it would take too long. Names that are too
long for places are passed over. Each part that is passed over is told to `skip`, as a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from apim.openapi.values import NAME_AT_MOST, Node, Place, is_short, node, place_text, sequence, weight_of

Skip = Callable[[str], None]

DEPTH_AT_MOST: Final = 200
# In units of values.weight_of. GitHub's API, 13 MB, has 44,000 schemas of 203,000 units.
SCHEMAS_WORK: Final = 400_000
REFERENCES_WORK: Final = 1_000_000
SKIPPED_REFERENCES: Final = f"Some references: finding all of them takes more than {REFERENCES_WORK:,} steps."
LONG_NAME: Final = f"What stands under a name of more than {NAME_AT_MOST:,} characters."
_DEPTH_A_UNIT: Final = 4
_SKIPPED_SCHEMAS: Final = f"Some schemas: judging all of them takes more than {SCHEMAS_WORK:,} steps."
_ONE_SCHEMA = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
_NAMED_SCHEMAS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LISTED_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NOT_CONTRACT = frozenset({"example", "examples", "default", "enum", "const"})


def schemas_in(data: Node, skip: Skip) -> Iterator[tuple[Place, Node]]:
    """Every schema that is written out, each once."""
    stack: list[tuple[Place, object, int, bool]] = [(None, data, 0, False)]
    left = SCHEMAS_WORK
    while stack:
        at, value, depth, is_schema = stack.pop()
        if depth > DEPTH_AT_MOST:
            skip(f"Schemas more than {DEPTH_AT_MOST} levels deep.")
            continue
        left -= depth // _DEPTH_A_UNIT + _work_of(value, is_schema=is_schema)
        if left < 0:
            skip(_SKIPPED_SCHEMAS)
            return
        if not is_schema:
            within = _parts(value, at)
        elif isinstance(value, Mapping):
            yield at, value
            within = ((below, inner, True) for below, inner in subschemas(value, at))
        else:
            continue
        for below, inner, kind in within:
            if is_short(below[1]):
                stack.append((below, inner, depth + 1, kind))
            else:
                skip(LONG_NAME)


def references_in(data: Node, skip: Skip) -> Iterator[tuple[Place, str]]:
    """Every `$ref`: where it stands, and where it leads."""
    stack: list[tuple[Place, object]] = [(None, data)]
    left = REFERENCES_WORK
    while stack:
        at, value = stack.pop()
        left -= _work_of(value, is_schema=False)
        if left < 0:
            skip(SKIPPED_REFERENCES)
            return
        if isinstance(value, dict):
            target = value.get("$ref")
            if isinstance(target, str):
                yield (at, "$ref"), target
            passed_over = {"example", "const"} if at is None or at[1] != "properties" else set()
            stack += [
                ((at, str(name)), inner)
                for name, inner in value.items()
                if isinstance(inner, dict | list) and name not in passed_over and is_short(name)
            ]
        elif isinstance(value, list):
            stack += [((at, str(index)), inner) for index, inner in enumerate(value) if isinstance(inner, dict | list)]


def _work_of(value: object, *, is_schema: bool) -> int:
    if is_schema and isinstance(value, Mapping):
        return weight_of(value)
    return 1 + len(value) if isinstance(value, dict | list) else 1


def _parts(value: object, at: Place) -> Iterator[tuple[tuple[Place, str], object, bool]]:
    """What stands in a value that is no schema, and whether it is one."""
    if isinstance(value, Mapping):
        are_schemas = place_text(at) == "/components/schemas"
        for name, inner in value.items():
            if isinstance(inner, Mapping | list) and name not in _NOT_CONTRACT and not str(name).startswith("x-"):
                yield (at, str(name)), inner, are_schemas or name == "schema"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, Mapping | list):
                yield (at, str(index)), inner, False


def subschemas(schema: Node, at: Place) -> Iterator[tuple[tuple[Place, str], object]]:
    """The schemas right within a schema."""
    for name in _ONE_SCHEMA:
        if name in schema:
            yield (at, name), schema[name]
    for name in _NAMED_SCHEMAS:
        for key, value in node(schema.get(name)).items():
            yield ((at, name), str(key)), value
    for name in _LISTED_SCHEMAS:
        for index, value in enumerate(sequence(schema.get(name))):
            yield ((at, name), str(index)), value
