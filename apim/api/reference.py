"""The management API described: its OpenAPI document, and the same as pages and Markdown read it.

Owns: what is generated from the declarations. Must not know: HTTP requests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator

from apim.accounts.scopes import SCOPES
from apim.api.conventions import INTRODUCTION
from apim.api.problems import REQUEST_CODES

METHODS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a body or answer, or one parameter."""

    name: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as people read it."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    example: str
    status: str
    answer: str
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The operations of one tag."""

    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """One body or answer."""

    name: str
    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """All of it."""

    introduction: tuple[str, ...]
    sections: tuple[Section, ...]
    shapes: tuple[Shape, ...]
    codes: tuple[tuple[str, str], ...]
    scopes: tuple[tuple[str, str], ...]


@cache
def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    document: dict[str, Any] = SchemaGenerator(api_version="v1").get_schema(request=None, public=True)
    return json.loads(json.dumps(document, default=str))  # type: ignore[no-any-return]


def finish_document(result: dict[str, Any], **_options: object) -> dict[str, Any]:
    """The document without spectacular's catch-all route, and with each operation's scope among its words."""
    for path, operations in list(result["paths"].items()):
        for method in METHODS:
            operation = operations.get(method)
            if operation and operation.get("x-required-scope"):
                operation["description"] += f"\n\nScope: `{operation['x-required-scope']}`."
        if not operations:
            del result["paths"][path]
    return result


@cache
def describe() -> Description:
    """The document as pages and Markdown show it."""
    document = openapi_document()
    schemas = document["components"]["schemas"]
    by_tag: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                by_tag[operations[method]["tags"][0]].append(_operation(path, method, operations[method], schemas))
    sections = tuple(Section(tag["name"], tag["description"], tuple(by_tag[tag["name"]])) for tag in document["tags"])
    shapes = tuple(
        Shape(name, shape.get("description", ""), tuple(_fields(shape)))
        for name, shape in sorted(schemas.items())
        if shape.get("type") == "object"
    )
    return Description(
        tuple(INTRODUCTION.split("\n\n")),
        sections,
        shapes,
        tuple(REQUEST_CODES.items()),
        tuple(sorted((name, str(words)) for name, words in SCOPES.items())),
    )


def _operation(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Operation:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [each["value"] for each in content.get("examples", {}).values()]
    success = next(status for status in operation["responses"] if status.startswith("2"))
    answer = operation["responses"][success].get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=operation["description"].split("\n\nScope:")[0],
        scope=operation.get("x-required-scope", ""),
        parameters=tuple(
            Field(each["name"], type_of(each["schema"]), each.get("required", False), each.get("description", ""))
            for each in operation.get("parameters", ())
        ),
        body=tuple(_fields(_resolved(content.get("schema", {}), schemas))),
        example=json.dumps(examples[0], indent=2) if examples else "",
        status=success,
        answer=type_of(answer) if answer else "",
        problems=tuple(
            (status, response["description"])
            for status, response in operation["responses"].items()
            if not status.startswith("2")
        ),
    )


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return schemas[reference.rpartition("/")[2]] if reference else schema


def _fields(schema: dict[str, Any]) -> list[Field]:
    required = schema.get("required", ())
    return [
        Field(name, type_of(field), name in required, field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


def type_of(schema: dict[str, Any]) -> str:
    """The type of a schema in a few words: `string (date-time) or null`, `list of Plan`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for union in ("allOf", "oneOf", "anyOf"):
        if union in schema:
            return " or ".join(dict.fromkeys(type_of(each) for each in schema[union]))
    if "enum" in schema:
        return " or ".join("null" if value is None else f'"{value}"' for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if isinstance(kind, list) and "array" in kind:
        return " or ".join(type_of({**schema, "type": each}) for each in kind)
    shown = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{shown} ({schema['format']})" if "format" in schema else shown
