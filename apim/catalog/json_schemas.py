"""JSON Schemas: the schemas of one document as JSON Schema 2020-12, for validators that read nothing else.

Owns: what differs between OpenAPI 3.0, 3.1 and JSON Schema; where references lead. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from apim.openapi.references import resolve_pointer

_NOT_SAFE = re.compile(r"[^A-Za-z0-9._-]")
_WITHOUT_MEANING = frozenset({"example", "examples", "discriminator", "xml", "externalDocs", "deprecated"})
_SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS_OF_SCHEMAS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SCHEMAS = frozenset({
    "items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties", "additionalItems",
})  # fmt: skip
_DEPTH_AT_MOST = 100


class SchemaWriter:
    """Writes schemas of one document; what they refer to is collected as definitions."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Nothing is referred to yet."""
        self._data = data
        self._is_30 = str(data.get("openapi", "")).startswith("3.0")
        self._names: dict[str, str] = {}  # reference -> name
        self._texts: dict[str, str] = {}  # name -> schema

    def text(self, schema: Mapping[str, Any]) -> str:
        """The schema as canonical JSON; references lead to `#/$defs/<name>`."""
        return json.dumps(self._convert(schema, 0), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def definitions(self) -> tuple[tuple[str, str], ...]:
        """Pairs of name and schema of all that is referred to, by name."""
        return tuple(sorted(self._texts.items()))

    def _convert(self, schema: object, depth: int) -> Any:
        if not isinstance(schema, Mapping):
            return schema if isinstance(schema, bool) else True
        if depth > _DEPTH_AT_MOST:
            return True
        reference = schema.get("$ref")
        beside = {} if self._is_30 else {name: value for name, value in schema.items() if name != "$ref"}
        if isinstance(reference, str):
            target = {"$ref": f"#/$defs/{self._name_of(reference)}"}
            return {**self._words(beside, depth), **target} if beside else target
        return self._words(schema, depth)

    def _words(self, schema: Mapping[str, Any], depth: int) -> Any:
        written: dict[str, Any] = {}
        for name, value in schema.items():
            if name in _WITHOUT_MEANING or str(name).startswith("x-"):
                continue
            if name in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
                written[name] = {str(key): self._convert(one, depth + 1) for key, one in value.items()}
            elif name in _LISTS_OF_SCHEMAS and isinstance(value, list):
                written[name] = [self._convert(one, depth + 1) for one in value]
            elif name in _SCHEMAS and isinstance(value, Mapping | bool):
                written[name] = self._convert(value, depth + 1)
            else:
                written[name] = value
        self._forget_read_only(written, schema)
        return _without_30(written) if self._is_30 else written

    def _forget_read_only(self, written: dict[str, Any], schema: Mapping[str, Any]) -> None:
        """What only answers hold is not required of requests."""
        properties, required = schema.get("properties"), written.get("required")
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            return
        kept = [name for name in required if not self._is_read_only(properties.get(name))]
        written.pop("required")
        if kept:
            written["required"] = kept

    def _is_read_only(self, schema: object) -> bool:
        if isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            _, schema = resolve_pointer(self._data, schema["$ref"])
        return isinstance(schema, Mapping) and schema.get("readOnly") is True

    def _name_of(self, reference: str) -> str:
        """The name of what a reference leads to; what leads nowhere allows anything."""
        if reference in self._names:
            return self._names[reference]
        name = wanted = _NOT_SAFE.sub("_", reference.rpartition("/")[2]) or "schema"
        number = 1
        while name in self._texts:
            number += 1
            name = f"{wanted}.{number}"
        self._names[reference] = name
        self._texts[name] = "true"  # it may lead to itself
        is_found, target = resolve_pointer(self._data, reference)
        if is_found and isinstance(target, Mapping):
            self._texts[name] = self.text(target)
        return name


def _without_30(schema: dict[str, Any]) -> Any:
    """OpenAPI 3.0's own words in those of JSON Schema."""
    for bound, flag in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(schema.get(flag), bool):
            is_exclusive = schema.pop(flag)
            if is_exclusive and bound in schema:
                schema[flag] = schema.pop(bound)
    if schema.pop("nullable", False) is not True:
        return schema
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
        return schema
    return {"anyOf": [schema, {"type": "null"}]} if schema else True
