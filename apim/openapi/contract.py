"""Contract: an OpenAPI document as rules and comparisons look at it, whatever stands in it.

Owns: following references, and finding operations and schemas. Total: a value of a wrong type counts as absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from apim.openapi.positions import Pointer
from apim.openapi.references import resolve_pointer, unescape

# Where something stands, as a chain from the inside out: a tuple for each of a million nested values would not fit.
Place = tuple[Any, str] | None
Node = Mapping[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
NODES_AT_MOST = 500_000
DEPTH_AT_MOST = 200
OPERATIONS_AT_MOST = 20_000
PARTS_AT_MOST = 200_000  # parameters and responses of all operations: a small text may refer to one list many times
MEDIA_TYPES_AT_MOST = 20
_HOPS_AT_MOST = 20
_TEMPLATE = re.compile(r"\{[^{}/]+\}")
_ONE_SCHEMA = (
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
_NAMED_SCHEMAS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_LISTED_SCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NOT_CONTRACT = frozenset({"example", "examples", "default", "enum", "const"})


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where its definition stands, behind any reference."""

    at: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. Shapes: method is GET and the like; parameters by (in, name), the operation's own win."""

    method: str
    path: str
    at: Place
    item_at: Place
    value: Node
    parameters: Mapping[tuple[str, str], Located]
    body: Located | None
    responses: Mapping[str, Located]

    @property
    def name(self) -> str:
        """How people name it: `GET /accounts/{id}`."""
        return f"{self.method} {self.path}"


class Contract:
    """The document's operations and schemas."""

    def __init__(self, data: Node) -> None:
        """Nothing is read yet."""
        self.data = data
        self._parts_left = PARTS_AT_MOST
        self.is_31 = str(data.get("openapi", "")).startswith("3.1")

    @cached_property
    def paths(self) -> Mapping[str, Located]:
        """The path items by their templates."""
        return {
            path: found
            for path, value in node(self.data.get("paths")).items()
            if isinstance(path, str) and path.startswith("/")
            if (found := self.follow(value, ((None, "paths"), path))) is not None
        }

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation of the paths, in the document's order."""
        return tuple(islice(self._operations(self.paths), OPERATIONS_AT_MOST))

    @cached_property
    def webhooks(self) -> tuple[Operation, ...]:
        """What the service calls (OpenAPI 3.1); the name stands in place of the path."""
        named = node(self.data.get("webhooks")).items()
        items = {str(name): self.follow(value, ((None, "webhooks"), str(name))) for name, value in named}
        return tuple(self._operations({name: item for name, item in items.items() if item is not None}))

    @cached_property
    def schemas(self) -> tuple[Located, ...]:
        """Every schema that is written out, each once, references not followed."""
        return tuple(self._schemas())

    def follow(self, value: object, at: Place) -> Located | None:
        """What value is behind its references; None when they lead nowhere or it is no mapping."""
        for _ in range(_HOPS_AT_MOST):
            if not isinstance(value, Mapping):
                return None
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return Located(at, value)
            is_found, value = resolve_pointer(self.data, reference)
            if not is_found:
                return None
            at = place_of(reference)
        return None

    def schema_of(self, holder: Node, at: Place) -> Located | None:
        """The schema in a parameter, header or media type, its reference followed."""
        return self.follow(holder["schema"], (at, "schema")) if "schema" in holder else None

    def contents(self, holder: Located | None) -> Iterator[tuple[str, Located]]:
        """The media types of a body or response, with what each says."""
        if holder is None:
            return
        for name, value in islice(node(holder.value.get("content")).items(), MEDIA_TYPES_AT_MOST):
            if isinstance(value, Mapping):
                yield str(name), Located(((holder.at, "content"), str(name)), value)

    def _operations(self, items: Mapping[str, Located]) -> Iterator[Operation]:
        for path, item in items.items():
            shared = self._parameters(item)
            for name, value in item.value.items():
                if name not in METHODS or not isinstance(value, Mapping):
                    continue
                at = (item.at, str(name))
                yield Operation(
                    method=str(name).upper(),
                    path=path,
                    at=at,
                    item_at=item.at,
                    value=value,
                    parameters={**shared, **self._parameters(Located(at, value))},
                    body=self.follow(value.get("requestBody"), (at, "requestBody")),
                    responses=self._responses(value, (at, "responses")),
                )

    def _parameters(self, holder: Located) -> dict[tuple[str, str], Located]:
        found = {}
        for index, value in enumerate(self._affordable(sequence(holder.value.get("parameters")))):
            parameter = self.follow(value, ((holder.at, "parameters"), str(index)))
            if parameter is not None:
                found[str(parameter.value.get("in")), str(parameter.value.get("name"))] = parameter
        return found

    def _responses(self, operation: Node, at: Place) -> dict[str, Located]:
        found = {}
        for status, value in self._affordable([*node(operation.get("responses")).items()]):
            response = self.follow(value, (at, str(status)))
            if response is not None and not str(status).startswith("x-"):
                found[str(status)] = response
        return found

    def _affordable(self, parts: list[Any]) -> list[Any]:
        """As many of the parts as are left to be looked at."""
        taken = parts[: max(0, self._parts_left)]
        self._parts_left -= len(taken)
        return taken

    def _schemas(self) -> Iterator[Located]:
        stack: list[tuple[Place, object, int, bool]] = [(None, self.data, 0, False)]
        left = NODES_AT_MOST
        while stack and left:
            at, value, depth, is_schema = stack.pop()
            left -= 1
            if depth > DEPTH_AT_MOST:
                continue
            if is_schema:
                if isinstance(value, Mapping):
                    yield Located(at, value)
                    stack += [(below, inner, depth + 1, True) for below, inner in subschemas(value, at)]
                continue
            stack += [(below, inner, depth + 1, kind) for below, inner, kind in _parts(value, at)]


def _parts(value: object, at: Place) -> Iterator[tuple[Place, object, bool]]:
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


def subschemas(schema: Node, at: Place) -> Iterator[tuple[Place, object]]:
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


def pointer_of(at: Place) -> Pointer:
    """The place from the outside in."""
    steps = []
    while at is not None:
        at, step = at
        steps.append(step)
    return tuple(reversed(steps))


def place_of(reference: str) -> Place:
    """The place that a reference within the document names."""
    at: Place = None
    for step in reference.removeprefix("#").split("/")[1:]:
        at = (at, unescape(step))
    return at


def place_text(at: Place) -> str:
    """The last two steps of a place that has two, as a pointer; "" for any other."""
    return f"/{at[0][1]}/{at[1]}" if at is not None and at[0] is not None and at[0][0] is None else ""


def template_shape(path: str) -> str:
    """path without the names of its parameters: two templates of one shape match the same requests."""
    return _TEMPLATE.sub("{}", path)


def template_names(path: str) -> list[str]:
    """The names of the parameters of a path."""
    return [each[1:-1] for each in _TEMPLATE.findall(path)]


def node(value: object) -> Node:
    """value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> list[Any]:
    """value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """value without space around it when it is a text, else ""."""
    return value.strip() if isinstance(value, str) else ""


def texts(value: object) -> list[str]:
    """The texts in value when it is a list."""
    return [each for each in sequence(value) if isinstance(each, str)]


def same(value: object) -> str:
    """A text that equal values share, whatever their length; one for all that are nested too deep to be written."""
    try:
        return json.dumps(value, sort_keys=True, default=str)
    except (RecursionError, TypeError):  # TypeError: keys of YAML that cannot be sorted
        return "..."


def written(value: object, at_most: int = 80) -> str:
    """value as a text of one line for people."""
    try:
        found = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, TypeError):
        return "..."
    return found if len(found) <= at_most else f"{found[: at_most - 3]}..."
