"""Rules about schemas: what is contradictory, unbounded, or means nothing in this version of OpenAPI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from apim.openapi.contract import Contract, Located
from apim.openapi.linting.rules import Verdict
from apim.openapi.references import resolve_pointer, unescape
from apim.openapi.values import Node, Place, node, same, texts, written
from apim.openapi.walks import SKIPPED_REFERENCES

_COMPOSED = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "enum", "const", "$dynamicRef")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip
_BOUNDS = (
    ("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"),
)  # fmt: skip
_UNUSED_LOOK_AT = ("schemas", "parameters", "responses", "requestBodies", "headers", "examples")
_BESIDE_REFERENCE = frozenset({"$ref", "summary", "description"})


def schema_type(contract: Contract) -> Iterator[Verdict]:
    """Each property says its type.

    Or refers to a schema that does. Without one anything may come, and generated clients hand over a bare value.
    """
    for schema in contract.schemas:
        for name, value in node(schema.value.get("properties")).items():
            if isinstance(value, dict):
                is_typed = bool(types_of(value)) or any(key in value for key in _COMPOSED)
                yield ((schema.at, "properties"), str(name)), "" if is_typed else f"Say the `type` of `{name}`."


def array_items(contract: Contract) -> Iterator[Verdict]:
    """Each list says what is in it.

    OpenAPI 3.0 demands `items` beside `type: array`.
    """
    for schema in contract.schemas:
        if "array" in types_of(schema.value):
            is_said = "items" in schema.value or "prefixItems" in schema.value
            yield schema.at, "" if is_said else "Say in `items` what the list holds."


def array_bounded(contract: Contract) -> Iterator[Verdict]:
    """Lists in requests have an end.

    `maxItems` says how many; without it one call may bring a million, and gateways that check requests let it pass.
    """
    seen: set[Place] = set()
    for operation in contract.operations:
        for _, media in contract.contents(operation.body):
            schema = contract.schema_of(media.value, media.at)
            if schema is None or schema.at in seen:
                continue
            seen.add(schema.at)
            for part in (schema, *_properties(contract, schema)):
                if "array" in types_of(part.value):
                    yield part.at, "" if "maxItems" in part.value else "Say in `maxItems` how long the list may be."


def enum_fits(contract: Contract) -> Iterator[Verdict]:
    """The values of an `enum` fit its type, and each is there once.

    A value of another type can never be sent; one that is there twice is mostly a slip.
    """
    for schema in contract.schemas:
        if isinstance(schema.value.get("enum"), list):
            yield (schema.at, "enum"), _enum_fault(schema.value)


def required_known(contract: Contract) -> Iterator[Verdict]:
    """Each name in `required` is a property.

    A name that no property has is mostly misspelt: then nothing is required at all.
    """
    for schema in contract.schemas:
        if isinstance(schema.value.get("properties"), dict) and not any(key in schema.value for key in _COMPOSED):
            for name in texts(schema.value.get("required")):
                is_there = name in schema.value["properties"]
                message = f"`{name}` is required and not a property: correct the name, or describe it."
                yield (schema.at, "required"), "" if is_there else message


def default_fits(contract: Contract) -> Iterator[Verdict]:
    """A `default` fits its schema.

    Its type, and its `enum`: a default that the schema refuses breaks those who rely on it.
    """
    for schema in contract.schemas:
        if "default" in schema.value:
            value, wanted = schema.value["default"], schema.value.get("enum")
            fits = _fits(value, schema.value) and (not isinstance(wanted, list) or same(value) in map(same, wanted))
            yield (
                (schema.at, "default"),
                "" if fits else f"`{written(value)}` does not fit the schema it is a default of.",
            )


def bounds_fit(contract: Contract) -> Iterator[Verdict]:
    """No lower bound is above its upper one.

    Nothing could meet both.
    """
    for schema in contract.schemas:
        for low, high in _BOUNDS:
            lower, upper = schema.value.get(low), schema.value.get(high)
            if _is_number(lower) and _is_number(upper):
                yield schema.at, "" if lower <= upper else f"`{low}` {lower} is above `{high}` {upper}."


def reference(contract: Contract) -> Iterator[Verdict]:
    """Each reference leads somewhere within the document.

    Other files are not fetched: bundle them first, for example with `redocly bundle`.
    """
    for at, target in contract.references:
        if target.startswith("#"):
            yield at, "" if resolve_pointer(contract.data, target)[0] else f"`{target}` leads nowhere: correct it."
        else:
            yield at, f"`{target}` is outside of this document: bundle the files into one."


def reference_siblings(contract: Contract) -> Iterator[Verdict]:
    """In OpenAPI 3.0 nothing stands beside a `$ref`.

    It has no effect there. Put both into an `allOf`, or move to 3.1.
    """
    if contract.is_31:
        return
    for schema in contract.schemas:
        if isinstance(schema.value.get("$ref"), str):
            names = [
                str(name) for name in schema.value if name not in _BESIDE_REFERENCE and not str(name).startswith("x-")
            ]
            message = f"`{', '.join(names)}` beside `$ref` has no effect in 3.0: use `allOf`."
            yield schema.at, message if names else ""


def nullable(contract: Contract) -> Iterator[Verdict]:
    """In OpenAPI 3.1 no schema says `nullable`; in 3.0 none says `type: null`.

    Each means nothing in the other version. 3.1 writes `type: [string, "null"]`, 3.0 `nullable: true`.
    """
    for schema in contract.schemas:
        if contract.is_31:
            yield (
                schema.at,
                '`nullable` means nothing in 3.1: write `type: [..., "null"]`.' if "nullable" in schema.value else "",
            )
        else:
            is_wrong = isinstance(schema.value.get("type"), list) or schema.value.get("type") == "null"
            yield (
                schema.at,
                "A list of types and `null` mean nothing in 3.0: write `nullable: true`." if is_wrong else "",
            )


def component_used(contract: Contract) -> Iterator[Verdict]:
    """Each component is used.

    What nothing refers to is carried along by everybody who reads, generates or reviews.
    """
    targets = contract.references
    if SKIPPED_REFERENCES in contract.skipped:
        return  # nobody knows what the rest refers to
    used = {tuple(unescape(step) for step in target.split("/")[1:4]) for _, target in targets}
    used |= {tuple(unescape(step) for step in name.split("/")[1:4]) for name in _mapped(contract)}
    components = node(contract.data.get("components"))
    for kind in _UNUSED_LOOK_AT:
        for name in node(components.get(kind)):
            is_used = ("components", kind, str(name)) in used
            yield (
                (((None, "components"), kind), str(name)),
                "" if is_used else f"Nothing refers to `{name}`: remove it.",
            )


def types_of(schema: Node) -> list[str]:
    """The types that a schema names."""
    kind = schema.get("type")
    return [kind] if isinstance(kind, str) else texts(kind)


def _properties(contract: Contract, schema: Located) -> Iterator[Located]:
    for name, value in node(schema.value.get("properties")).items():
        found = contract.follow(value, ((schema.at, "properties"), str(name)))
        if found is not None:
            yield found


def _mapped(contract: Contract) -> Iterator[str]:
    """What discriminators lead to."""
    for schema in contract.schemas:
        for target in node(node(schema.value.get("discriminator")).get("mapping")).values():
            yield target if isinstance(target, str) and target.startswith("#") else f"#/components/schemas/{target}"


def _enum_fault(schema: Node) -> str:
    values = schema["enum"]
    keys = [same(value) for value in values]
    if not values:
        return "An empty `enum` allows nothing: list its values."
    if len(set(keys)) < len(keys):
        return "A value is there twice: keep one."
    odd = next((value for value in values if not _fits(value, schema)), ...)
    return "" if odd is ... else f"`{written(odd)}` is not of the type `{', '.join(types_of(schema))}`."


def _fits(value: object, schema: Node) -> bool:
    """True when value has one of the schema's types, or the schema names none that is known."""
    kinds = types_of(schema)
    if (value is None and schema.get("nullable") is True) or not kinds or not _TYPES.keys() >= set(kinds):
        return True
    return any(_is_of(value, kind) for kind in kinds)


def _is_of(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
