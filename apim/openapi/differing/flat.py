"""A schema as one set of rules, whatever version of OpenAPI wrote it: `allOf` joined, types as a set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apim.openapi.contract import Contract, Located
from apim.openapi.differing.work import SCHEMAS, Work
from apim.openapi.values import Node, Place, is_short, node, sequence, texts, weight_of

ALL_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
_PARTS_AT_MOST = 200
_JOINED = frozenset({"allOf", "properties", "required", "type", "nullable", "$ref", "oneOf", "anyOf"})


@dataclass(slots=True)
class Flat:
    """What a schema asks for. Shapes: words = keyword -> (value, where); types None = any; properties not followed."""

    at: Place
    types: frozenset[str] | None = None
    words: dict[str, tuple[Any, Place]] = field(default_factory=dict)
    properties: dict[str, Located] = field(default_factory=dict)
    is_whole: bool = True
    required: dict[str, Place] = field(default_factory=dict)
    variants: list[tuple[Node, Place]] = field(default_factory=list)

    def word(self, name: str) -> Any:
        """The value of a keyword; None when it is not there."""
        return self.words[name][0] if name in self.words else None


def flatten(contract: Contract, schema: Located, work: Work) -> Flat:
    """The schema with all that it is made of; not whole when there is not enough work left for all.

    Total: parts that go round in a circle are taken once.
    """
    return _Flattener(contract, schema, work).flat()


class _Flattener:
    """Joins a schema's parts, one after the other."""

    def __init__(self, contract: Contract, schema: Located, work: Work) -> None:
        self._contract = contract
        self._work = work
        self._flat = Flat(schema.at)
        self._parts = [schema]
        self._seen = {schema.at}

    def flat(self) -> Flat:
        """The parts as one."""
        while self._parts:
            part = self._parts.pop(0)
            if not self._work.take(weight_of(part.value), SCHEMAS):
                self._flat.is_whole = False
                break
            self._take(part)
            for index, inner in enumerate(sequence(part.value.get("allOf"))):
                self._join(self._contract.follow(inner, ((part.at, "allOf"), str(index))))
            for name in ("anyOf", "oneOf"):
                self._take_variants(part, name)
        return self._flat

    def _join(self, part: Located | None) -> None:
        if part is not None and part.at not in self._seen and len(self._seen) <= _PARTS_AT_MOST:
            self._seen.add(part.at)
            self._parts.append(part)

    def _take(self, part: Located) -> None:
        flat, types = self._flat, types_of(part.value)
        if types is not None:
            flat.types = types if flat.types is None else (flat.types & types) or types
        for name, value in node(part.value.get("properties")).items():
            if not is_short(name):
                continue
            at: Place = ((part.at, "properties"), str(name))
            flat.properties[str(name)] = self._contract.follow(value, at) or Located(at, {})
        for name in texts(part.value.get("required")):
            flat.required[name] = (part.at, "required")
        for name, value in part.value.items():
            if name not in _JOINED and not str(name).startswith("x-"):
                flat.words[str(name)] = (value, (part.at, str(name)))

    def _take_variants(self, part: Located, name: str) -> None:
        """Notes the variants; of `anyOf: [X, {type: null}]` the X becomes a part, and null a type."""
        listed = [(value, ((part.at, name), str(index))) for index, value in enumerate(sequence(part.value.get(name)))]
        variants = [(value, at) for value, at in listed if isinstance(value, Mapping)]
        others = [one for one in variants if one[0].get("type") != "null"]
        found = self._contract.follow(*others[0]) if len(others) == 1 < len(variants) else None
        if found is None:
            self._flat.variants += variants
            return
        inner = types_of(found.value)
        self._flat.types = None if inner is None else inner | {"null"}
        self._join(Located(found.at, {key: value for key, value in found.value.items() if key != "type"}))


def types_of(schema: Node) -> frozenset[str] | None:
    """The types a schema allows, null among them; None when it names none."""
    kind = schema.get("type")
    named = frozenset([kind] if isinstance(kind, str) else texts(kind))
    if not named:
        return None
    if "number" in named:
        named |= {"integer"}
    return named | {"null"} if schema.get("nullable") is True else named


def bound(flat: Flat, name: str) -> tuple[float, bool] | None:
    """(the least or most, whether it is itself outside), of a bound written in either version's way."""
    value, edge = flat.word(name), flat.word(f"exclusive{name[0].upper()}{name[1:]}")
    if is_number(edge):
        return edge, True
    return (value, edge is True) if is_number(value) else None


def is_number(value: object) -> bool:
    """True for a number that is no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)
