"""Contracts for gateways: what a document says of requests and answers, rendered so that no gateway reads documents.

Pure: the same text gives the same contract. Schemas of OpenAPI 3.0 become JSON Schema 2020-12.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from apim.catalog.json_schemas import SchemaWriter
from apim.catalog.openapi import read_contract
from apim.catalog.operation_details import is_json
from apim.catalog.operations import operation_name
from apim.catalog.schemas import SchemaReader
from gateway_sync.policies.contracts import AnswerContract, Contract, OperationContract, ParameterContract

_SCALARS = ("string", "integer", "number", "boolean")
_STYLES = ("form", "simple")
_LOCATIONS = ("path", "query", "header")
_IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})  # OpenAPI: described elsewhere
_STATUS = re.compile(r"([1-5])(?:[0-9]{2}|XX)")
_ANSWERS_AT_MOST = 40  # of one operation
_BODY_AT_MOST = 64 * 1024


@lru_cache(maxsize=64)
def contract_of(document_text: str) -> Contract:
    """The contract of a document; an empty one for a text that cannot be read. Remembered: publishing asks often."""
    document = read_contract(document_text)
    reader = _ContractReader(document.data)
    operations = tuple(
        (operation_name(operation), reader.operation(str(operation["method"]), str(operation["path"])))
        for operation in document.operations
    )
    return Contract(operations, reader.schemas.definitions())


class _ContractReader:
    """Reads operations of one document."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self._values = SchemaReader(data)
        self.schemas = SchemaWriter(data)

    def operation(self, method: str, path: str) -> OperationContract:
        """One operation."""
        paths = self._data.get("paths")
        item, _ = self._values.resolve(paths.get(path) if isinstance(paths, Mapping) else None)
        operation, _ = self._values.resolve(item.get(method.lower()))
        body, _ = self._values.resolve(operation.get("requestBody"))
        return OperationContract(
            parameters=tuple(self._parameters(item, operation)),
            is_body_required=body.get("required") is True,
            bodies=tuple(self._bodies(body)),
            answers=tuple(self._answers(operation.get("responses")))[:_ANSWERS_AT_MOST],
        )

    def _parameters(self, item: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[ParameterContract]:
        """Those of the path and of the operation, which wins."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for source in (item, operation):
            written = source.get("parameters")
            for one in written if isinstance(written, list) else ():
                value, _ = self._values.resolve(one)
                found[str(value.get("in")), str(value.get("name"))] = value
        for (location, name), value in found.items():
            if location in _LOCATIONS and not (location == "header" and name.lower() in _IGNORED_HEADERS):
                schema = value.get("schema")
                yield ParameterContract(
                    name=name,
                    location=location,
                    is_required=value.get("required") is True or location == "path",
                    type=self._type_of(schema) if value.get("style", "form") in _STYLES else "",
                    schema=self.schemas.text(schema) if isinstance(schema, Mapping) else "",
                    is_exploded=value.get("explode") is not False,
                )

    def _type_of(self, schema: object) -> str:
        value, _ = self._values.merged(schema) if isinstance(schema, Mapping) else ({}, "")
        name = _single_type(value)
        if name == "array":
            inner, _ = self._values.merged(value.get("items")) if isinstance(value.get("items"), Mapping) else ({}, "")
            return f"array:{_single_type(inner)}" if _single_type(inner) in _SCALARS else ""
        return name if name in _SCALARS else ""

    def _bodies(self, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        contents = body.get("content")
        for media_type, one in contents.items() if isinstance(contents, Mapping) else ():
            value, _ = self._values.resolve(one)
            schema = value.get("schema")
            text = self.schemas.text(schema) if is_json(str(media_type)) and isinstance(schema, Mapping) else ""
            yield str(media_type).partition(";")[0].strip().lower(), text

    def _answers(self, responses: object) -> Iterator[AnswerContract]:
        for status, one in responses.items() if isinstance(responses, Mapping) else ():
            match = _STATUS.fullmatch(str(status))
            response, _ = self._values.resolve(one)
            if match is None or match[1] == "1":
                continue
            code = int(str(status).replace("XX", "00"))
            contents = response.get("content")
            if not isinstance(contents, Mapping) or not contents:
                yield AnswerContract(code)
                continue
            for media_type, content in contents.items():
                yield from self._examples(code, str(media_type), self._values.resolve(content)[0])

    def _examples(self, status: int, media_type: str, content: Mapping[str, Any]) -> Iterator[AnswerContract]:
        """Each example with a name, else the one that is given, else one made from the schema."""
        examples = content.get("examples")
        named = [
            (str(name), self._values.resolve(one)[0].get("value"))
            for name, one in (examples.items() if isinstance(examples, Mapping) else ())
        ]
        if not named and "example" in content:
            named = [("", content["example"])]
        if not named:
            schema = content.get("schema")
            named = [("", self._values.example(schema) if isinstance(schema, Mapping) else None)]
        for name, value in named:
            body = _body_text(media_type, value)
            if len(body.encode()) <= _BODY_AT_MOST:
                yield AnswerContract(status, media_type, body, name)


def _single_type(value: Mapping[str, Any]) -> str:
    """The type, when it is one beside null; that of its choices when it names none."""
    written = value.get("type")
    choices = value.get("enum")
    if written is None and isinstance(choices, list) and choices:
        return {str: "string", int: "integer"}.get(type(choices[0]), "") if len(set(map(type, choices))) == 1 else ""
    types = [one for one in (written if isinstance(written, list) else [written]) if one != "null"]
    return str(types[0]) if len(types) == 1 and isinstance(types[0], str) else ""


def _body_text(media_type: str, value: object) -> str:
    if is_json(media_type) or not isinstance(value, str):
        return "" if value is None and not is_json(media_type) else json.dumps(value, ensure_ascii=False)
    return value
