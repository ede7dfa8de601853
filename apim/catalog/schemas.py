"""Schemas for people: flattened to rows, and as an example value. For OpenAPI 3.0 and 3.1 alike.

Owns: following references, cutting cycles and bounding what is shown. Must not know: operations, HTML.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from apim.catalog.schema_values import BLANK, NO_VALUE, first_type, given_value, scalar_value
from apim.listing import enumerated
from apim.openapi.references import resolve_pointer

ROWS_AT_MOST = 400
DEPTH_AT_MOST = 8
_EXAMPLE_DEPTH_AT_MOST = 10
_EXAMPLE_NODES_AT_MOST = 500
_HOPS_AT_MOST = 20
_CHOICES_SHOWN = 12
_TYPE_DEPTH_AT_MOST = 3

JSON = Any  # a value of a JSON document

_BOUNDS = (
    ("minimum", gettext_lazy("at least %(bound)s")),
    ("exclusiveMinimum", gettext_lazy("above %(bound)s")),
    ("maximum", gettext_lazy("at most %(bound)s")),
    ("exclusiveMaximum", gettext_lazy("below %(bound)s")),
    ("multipleOf", gettext_lazy("a multiple of %(bound)s")),
    ("minLength", gettext_lazy("at least %(bound)s characters")),
    ("maxLength", gettext_lazy("at most %(bound)s characters")),
    ("minItems", gettext_lazy("at least %(bound)s items")),
    ("maxItems", gettext_lazy("at most %(bound)s items")),
    ("pattern", gettext_lazy("matches %(bound)s")),
)


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """One line of a schema as a table shows it.

    Shapes: depth counts from 0; name is "" for the value itself and "[]" for the items of a list; type in words, such
    as `array of Account`; rules such as "at least 1"; note says why nothing follows, for example for a cycle.
    """

    depth: int
    name: str
    type: str
    is_required: bool
    description: str
    rules: tuple[str, ...]
    is_deprecated: bool = False
    note: str = ""


class SchemaReader:
    """Reads the schemas of one document."""

    def __init__(self, data: Mapping[str, JSON]) -> None:
        """Nothing is read yet."""
        self._data = data

    def resolve(self, value: JSON) -> tuple[Mapping[str, JSON], str]:
        """(value behind its references, name of the last one); {} for what leads nowhere or is no mapping."""
        name = ""
        for _ in range(_HOPS_AT_MOST):
            if not isinstance(value, Mapping):
                return {}, name
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value, name
            name = reference.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
            _, target = resolve_pointer(self._data, reference)
            beside = {key: one for key, one in value.items() if key != "$ref"}
            value = {**target, **beside} if isinstance(target, Mapping) and beside else target
        return {}, name

    def rows(self, schema: JSON) -> tuple[SchemaRow, ...]:
        """The schema as rows, parents before children."""
        found: list[SchemaRow] = []
        for row in self._walk(schema, "", 0, is_required=False, path=()):
            if len(found) == ROWS_AT_MOST:
                note = gettext("There is more than can be shown here.")
                found.append(SchemaRow(0, "", "", is_required=False, description="", rules=(), note=note))
                break
            found.append(row)
        return tuple(found)

    def type_of(self, schema: JSON) -> str:
        """The type in words."""
        value, name = self.resolve(schema)
        return self._type_of(value, name, 0)

    def rules_of(self, schema: JSON) -> tuple[str, ...]:
        """What a value must obey besides its type."""
        return _rules_of(self.merged(schema)[0])

    def example(self, schema: JSON) -> JSON:
        """A value that the schema describes, made of its examples, defaults and choices where there are some."""
        return self._example(schema, (), [_EXAMPLE_NODES_AT_MOST])

    def merged(self, schema: JSON) -> tuple[Mapping[str, JSON], str]:
        """(schema with its `allOf` parts folded in, name)."""
        value, name = self.resolve(schema)
        parts = value.get("allOf")
        if not isinstance(parts, list) or not parts:
            return value, name
        return self._fold(value, (name,) if name else ()), name

    def _fold(self, value: Mapping[str, JSON], path: tuple[str, ...]) -> dict[str, JSON]:
        folded: dict[str, JSON] = {}
        properties: dict[str, JSON] = {}
        required: list[JSON] = []
        for part in [*_list(value.get("allOf")), {key: one for key, one in value.items() if key != "allOf"}]:
            content, name = self.resolve(part)
            if name and name in path:
                continue
            if _list(content.get("allOf")) and len(path) < DEPTH_AT_MOST:
                content = self._fold(content, (*path, name))
            folded.update(content)
            properties.update(_mapping(content.get("properties")))
            required += _list(content.get("required"))
        folded.pop("allOf", None)
        return (
            folded | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})
        )

    def _walk(
        self, schema: JSON, name: str, depth: int, *, is_required: bool, path: tuple[str, ...]
    ) -> Iterator[SchemaRow]:
        value, reference = self.merged(schema)
        is_cycle = bool(reference) and reference in path
        note = ""
        if is_cycle:
            note = gettext("As %(reference)s above.") % {"reference": reference}
        elif depth >= DEPTH_AT_MOST:
            note = gettext("Nested deeper.")
        children = () if note else tuple(self._children(value))
        yield SchemaRow(
            depth=depth,
            name=name,
            type=self._type_of(value, reference, 0),
            is_required=is_required,
            description=_text(value.get("description")),
            rules=_rules_of(value),
            is_deprecated=value.get("deprecated") is True,
            note=note if note and (is_cycle or self._has_children(value)) else "",
        )
        below = (*path, reference) if reference else path
        for child_name, child, is_child_required in children:
            yield from self._walk(child, child_name, depth + 1, is_required=is_child_required, path=below)

    def _has_children(self, value: Mapping[str, JSON]) -> bool:
        return next(self._children(value), None) is not None

    def _children(self, value: Mapping[str, JSON], hops: int = 0) -> Iterator[tuple[str, JSON, bool]]:
        required = set(map(str, _list(value.get("required"))))
        for name, child in _mapping(value.get("properties")).items():
            yield str(name), child, str(name) in required
        items = value.get("items")
        if isinstance(items, Mapping) and self._is_compound(items):
            yield "[]", items, False
        extra = value.get("additionalProperties")
        if isinstance(extra, Mapping) and extra:
            yield gettext("<any name>"), extra, False
        for word in ("oneOf", "anyOf"):
            options = [one for one in _list(value.get(word)) if not _is_null(one)]
            if len(options) == 1 and hops < _HOPS_AT_MOST:
                yield from self._children(self.merged(options[0])[0], hops + 1)
            elif any(self._is_compound(one) for one in options):
                yield from (
                    (gettext("option %(number)s") % {"number": number}, one, False)
                    for number, one in enumerate(options, 1)
                )

    def _is_compound(self, schema: JSON) -> bool:
        value, _ = self.merged(schema)
        return any(value.get(word) for word in ("properties", "items", "oneOf", "anyOf", "additionalProperties"))

    def _type_of(self, value: Mapping[str, JSON], name: str, depth: int) -> str:
        types = [str(one) for one in _list(value.get("type"))] or [_text(value.get("type"))]
        is_nullable = "null" in types or value.get("nullable") is True
        types = [one for one in types if one and one != "null"]
        options = [*_list(value.get("oneOf")), *_list(value.get("anyOf"))]
        if options and not types and depth < _TYPE_DEPTH_AT_MOST:
            is_nullable = is_nullable or any(_is_null(one) for one in options)
            types = list(dict.fromkeys(self._inner_type(one, depth) for one in options if not _is_null(one)))
        elif types == ["array"] and depth < _TYPE_DEPTH_AT_MOST:
            types = [gettext("array of %(items)s") % {"items": self._inner_type(value.get("items"), depth)}]
        elif not types and "properties" in value:
            types = ["object"]
        words = reduce(_either, types) if types else gettext("any")
        if name and types == ["object"]:
            words = name
        form = _text(value.get("format"))
        words = f"{words} ({form})" if form else words
        return _either(words, "null") if is_nullable else words

    def _inner_type(self, schema: JSON, depth: int) -> str:
        value, name = self.merged(schema)
        return self._type_of(value, name, depth + 1)

    def _example(self, schema: JSON, path: tuple[str, ...], left: list[int]) -> JSON:
        left[0] -= 1
        value, name = self.merged(schema)
        given = given_value(value)
        if given is not NO_VALUE:
            return given
        if left[0] <= 0 or len(path) >= _EXAMPLE_DEPTH_AT_MOST or (name and name in path):
            return BLANK.get(first_type(value))
        path = (*path, name)
        properties = _mapping(value.get("properties"))
        options = [one for one in [*_list(value.get("oneOf")), *_list(value.get("anyOf"))] if not _is_null(one)]
        if properties:
            # Taken from the one branch that has a shape of its own; the rest of the union is told in the rows.
            return {
                str(key): self._example(one, path, left) for key, one in properties.items() if not self._is_hidden(one)
            }
        if options:
            return self._example(options[0], path, left)
        match first_type(value):
            case "array":
                return [self._example(value.get("items", {}), path, left)]
            case "object":
                extra = value.get("additionalProperties")
                return {"name": self._example(extra, path, left)} if isinstance(extra, Mapping) and extra else {}
            case kind:
                return scalar_value(kind, value)

    def _is_hidden(self, schema: JSON) -> bool:
        return self.resolve(schema)[0].get("deprecated") is True


def _either(first: str, second: str) -> str:
    return gettext("%(first)s or %(second)s") % {"first": first, "second": second}


def _rules_of(value: Mapping[str, JSON]) -> tuple[str, ...]:
    rules: list[str] = []
    if choices := _list(value.get("enum")):
        shown = enumerated(str(one) for one in choices[:_CHOICES_SHOWN])
        more = len(choices) - _CHOICES_SHOWN
        words = gettext("one of %(choices)s and %(more)s more") if more > 0 else gettext("one of %(choices)s")
        rules.append(words % {"choices": shown, "more": more})
    if "const" in value:
        rules.append(gettext("always %(value)s") % {"value": value["const"]})
    for word, form in _BOUNDS:
        bound = value.get(word)
        if bound is True and word.startswith("exclusive"):
            rules.append(gettext("the bound itself excluded"))  # OpenAPI 3.0 has a flag where 3.1 has a number
        elif isinstance(bound, int | float | str) and not isinstance(bound, bool):
            rules.append(form % {"bound": bound})
    if value.get("uniqueItems") is True:
        rules.append(gettext("no item twice"))
    if value.get("default") is not None:
        rules.append(gettext("default %(value)s") % {"value": value["default"]})
    if value.get("readOnly") is True:
        rules.append(gettext("only in answers"))
    if value.get("writeOnly") is True:
        rules.append(gettext("only in requests"))
    return tuple(rules)


def _is_null(schema: JSON) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _list(value: JSON) -> Sequence[JSON]:
    return value if isinstance(value, list) else []


def _mapping(value: JSON) -> Mapping[str, JSON]:
    return value if isinstance(value, Mapping) else {}


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else ""
