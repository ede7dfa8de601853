"""Operation details: everything that a contract says of one operation, as a page shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apim.catalog.schemas import SchemaReader, SchemaRow

_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})  # OpenAPI: described elsewhere
_PARAMETER = re.compile(r"\{([^{}/]+)\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation in the outline. Shapes: anchor is unique and safe in a URL."""

    anchor: str
    method: str
    path: str
    summary: str
    is_deprecated: bool

    @property
    def name(self) -> str:
        """How products and usage name it: `GET /accounts/{id}`."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input beside the body. Shapes: location is path, query, header or cookie; example None = none."""

    name: str
    location: str
    is_required: bool
    type: str
    description: str
    rules: tuple[str, ...]
    is_deprecated: bool
    example: Any


@dataclass(frozen=True, slots=True)
class Content:
    """A body of one media type. Shapes: example is text as it goes over the wire, "" when none can be made."""

    media_type: str
    rows: tuple[SchemaRow, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries."""

    description: str
    is_required: bool
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. Shapes: status is "200", "4XX" or "default"."""

    status: str
    description: str
    headers: tuple[Parameter, ...]
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True)
class OperationDetail:
    """Everything the contract says of one operation."""

    entry: Entry
    description: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    answers: tuple[Answer, ...]


class DetailReader:
    """Reads operations of one document in full."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Nothing is read yet."""
        self._data = data
        self._schemas = SchemaReader(data)

    def detail(self, entry: Entry) -> OperationDetail:
        """One operation."""
        paths = self._data.get("paths")
        item, _ = self._schemas.resolve(paths.get(entry.path) if isinstance(paths, Mapping) else None)
        operation, _ = self._schemas.resolve(item.get(entry.method.lower()))
        return OperationDetail(
            entry=entry,
            description=_text(operation.get("description")),
            parameters=tuple(self._parameters(entry, item, operation)),
            body=self._body(operation.get("requestBody")),
            answers=tuple(self._answers(operation.get("responses"))),
        )

    def _parameters(self, entry: Entry, item: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[Parameter]:
        """Those of the path and of the operation, which wins; placeholders that nobody declared come last."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for source in (item, operation):
            for one in _list(source.get("parameters")):
                value, _ = self._schemas.resolve(one)
                found[_text(value.get("in")), _text(value.get("name"))] = value
        for name in _PARAMETER.findall(entry.path):
            found.setdefault(("path", name), {"required": True, "schema": {"type": "string"}})
        for (location, name), value in found.items():
            if name and not (location == "header" and name.lower() in _IGNORED_HEADERS):
                yield self._parameter(name, location, value)

    def _parameter(self, name: str, location: str, value: Mapping[str, Any]) -> Parameter:
        schema = value.get("schema")
        contents = value.get("content")
        if schema is None and isinstance(contents, Mapping) and contents:
            schema = self._schemas.resolve(next(iter(contents.values())))[0].get("schema")
        return Parameter(
            name=name,
            location=location,
            is_required=value.get("required") is True or location == "path",
            type=self._schemas.type_of(schema or {}),
            description=_text(value.get("description")),
            rules=self._schemas.rules_of(schema or {}),
            is_deprecated=value.get("deprecated") is True,
            example=self._given(value, schema),
        )

    def _given(self, value: Mapping[str, Any], schema: object) -> Any:
        """The example that stands beside a schema, else one made from it."""
        if "example" in value:
            return value["example"]
        examples = value.get("examples")
        if isinstance(examples, Mapping) and examples:
            first, _ = self._schemas.resolve(next(iter(examples.values())))
            if "value" in first:
                return first["value"]
        return self._schemas.example(schema) if isinstance(schema, Mapping) else None

    def _body(self, value: object) -> Body | None:
        body, _ = self._schemas.resolve(value)
        if not body:
            return None
        return Body(_text(body.get("description")), body.get("required") is True, tuple(self._contents(body)))

    def _answers(self, value: object) -> Iterator[Answer]:
        for status, one in value.items() if isinstance(value, Mapping) else ():
            if str(status).startswith("x-"):
                continue
            response, _ = self._schemas.resolve(one)
            headers = response.get("headers")
            yield Answer(
                status=str(status),
                description=_text(response.get("description")),
                headers=tuple(
                    self._parameter(str(name), "header", self._schemas.resolve(header)[0])
                    for name, header in (headers.items() if isinstance(headers, Mapping) else ())
                ),
                contents=tuple(self._contents(response)),
            )

    def _contents(self, holder: Mapping[str, Any]) -> Iterator[Content]:
        contents = holder.get("content")
        for media_type, one in contents.items() if isinstance(contents, Mapping) else ():
            value, _ = self._schemas.resolve(one)
            schema = value.get("schema")
            example = self._given(value, schema)
            yield Content(
                str(media_type), self._schemas.rows(schema) if schema else (), _example_text(str(media_type), example)
            )


def _example_text(media_type: str, example: Any) -> str:
    if example is None:
        return ""
    if is_json(media_type) or not isinstance(example, str):
        return json.dumps(example, indent=2, ensure_ascii=False)
    return example


def is_json(media_type: str) -> bool:
    """True for JSON and the types built on it."""
    essence = media_type.partition(";")[0].strip().lower()
    return essence == "application/json" or essence.endswith("+json")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
