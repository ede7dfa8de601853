"""What a request may hold, read from the parameter types that Stripe generates for its client.

Source: the TypedDicts of the installed package `stripe` ("File generated from our OpenAPI spec").
"""

from __future__ import annotations

import functools
import importlib
import re
import types
import typing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import typing_extensions
from stripe._request_options import RequestOptions

from tests.stripe_server.errors import StripeError, empty_parameter, invalid, missing_parameter, unknown_parameter
from tests.stripe_server.forms import label

_CLIENT_ONLY = set(RequestOptions.__annotations__)
_UNRESOLVED = {"StripeContext": str, "Mapping": dict, "Union": typing.Union}  # named only while types are checked
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", Decimal: "decimal"}
Path = tuple[str, ...]


@dataclass(slots=True)
class Node:
    """One type: the literals it allows, and what else it may be."""

    literals: tuple[str, ...] = ()
    scalar: str = ""
    fields: dict[str, Node] | None = None
    required: frozenset[str] = frozenset()
    items: Node | None = None
    values: Node | None = None
    is_clearable: bool = False
    others: list[Node] = field(default_factory=list)


@functools.cache
def parameters(name: str) -> Node:
    """The type of `name`, such as "PriceCreateParams" or "billing.MeterCreateParams"."""
    package, _, class_name = name.rpartition(".")
    module = "_" + _WORDS.sub("_", class_name).lower()
    where = ".".join(["stripe.params", *([package] if package else []), module])
    return _object(getattr(importlib.import_module(where), class_name), is_top=True)


def _object(kind: Any, *, is_top: bool = False) -> Node:
    hints = typing_extensions.get_type_hints(kind, localns=_UNRESOLVED, include_extras=True)
    ignored = _CLIENT_ONLY if is_top else set()
    fields = {name: _lazy(hint) for name, hint in hints.items() if name not in ignored}
    return Node(fields=fields, required=frozenset(kind.__required_keys__) - ignored)


def _lazy(hint: Any) -> Node:
    if typing_extensions.get_origin(hint) in {typing_extensions.NotRequired, typing_extensions.Required}:
        hint = typing_extensions.get_args(hint)[0]
    return _node(hint)


def _node(hint: Any) -> Node:
    origin, arguments = typing_extensions.get_origin(hint), typing_extensions.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return _union([_node(each) for each in arguments if not _is_client_object(each)])
    if origin is typing_extensions.Literal:
        given = tuple(str(each) for each in arguments)
        return Node(literals=tuple(each for each in given if each), is_clearable="" in given)
    if origin in {list, typing.List}:  # noqa: UP006 -- what the client's types are written with
        return Node(items=_node(arguments[0]))
    if origin in {dict, typing.Dict}:  # noqa: UP006
        return Node(values=_node(arguments[1]))
    if typing_extensions.is_typeddict(hint):
        return _object(hint)
    return Node(scalar=_SCALARS.get(hint, "string"))


def _is_client_object(hint: Any) -> bool:
    """A StripeObject given in place of a plain mapping: the same on the wire."""
    name = getattr(typing_extensions.get_origin(hint) or hint, "__name__", "")
    return name == "UntypedStripeObject"


def _union(nodes: list[Node]) -> Node:
    literals = tuple(each for node in nodes for each in node.literals)
    is_clearable = any(node.is_clearable for node in nodes)
    others = [node for node in nodes if not node.literals and not (node.is_clearable and _is_bare(node))]
    if literals:  # `Literal[...]|str` is how the client writes an enumeration that may grow; Stripe refuses the rest
        others = [node for node in others if node.scalar != "string"]
    if not literals and len(others) == 1:
        others[0].is_clearable = is_clearable
        return others[0]
    return Node(literals=literals, others=others, is_clearable=is_clearable)


def _is_bare(node: Node) -> bool:
    return not (node.scalar or node.fields is not None or node.items or node.values)


def validate(node: Node, given: Any) -> dict[str, Any]:
    """The parameters, converted to their types; cleared ones are "".

    Errors: StripeError in Stripe's words.
    """
    return dict(_fields(node, given, ()))


def _fields(node: Node, given: dict[str, Any], path: Path) -> dict[str, Any]:
    fields = node.fields or {}
    for name in given:
        if name not in fields:
            raise unknown_parameter(label((*path, name)))
    for name in sorted(node.required):
        if name not in given:
            raise missing_parameter(label((*path, name)))
    return {name: _value(fields[name], value, (*path, name)) for name, value in given.items()}


def _value(node: Node, given: Any, path: Path) -> Any:
    if given == "":
        if node.is_clearable:
            return ""
        raise empty_parameter(label(path))
    if node.literals and isinstance(given, str) and given in node.literals:
        return given
    for other in node.others:
        try:
            return _value(other, given, path)
        except StripeError:
            if len(node.others) == 1 and not (node.literals and isinstance(given, str)):
                raise
    if node.literals or node.others:
        raise _not_one_of(node, given, path)
    return _plain(node, given, path)


def _plain(node: Node, given: Any, path: Path) -> Any:
    if node.fields is not None:
        return _fields(node, _mapping(given, path), path)
    if node.values is not None:
        pairs = _mapping(given, path).items()  # an empty value unsets its key
        return {key: value and _value(node.values, value, (*path, key)) for key, value in pairs}
    if node.items is not None:
        return [_value(node.items, value, (*path, key)) for key, value in _sequence(given, path)]
    return _scalar(node.scalar, given, path)


def _mapping(given: Any, path: Path) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise invalid("Invalid object", param=label(path))
    return given


def _sequence(given: Any, path: Path) -> list[tuple[str, Any]]:
    if not isinstance(given, dict) or not all(key.isdigit() for key in given):
        raise invalid("Invalid array", param=label(path))
    return sorted(given.items(), key=lambda pair: int(pair[0]))


def _scalar(kind: str, given: Any, path: Path) -> Any:
    name = label(path)
    if isinstance(given, dict):
        raise invalid(f"Invalid {kind}: {given}", param=name)
    if kind == "integer":
        if not re.fullmatch(r"-?\d{1,18}", given):
            raise invalid(f"Invalid integer: {given}", param=name, code="parameter_invalid_integer")
        return int(given)
    if kind == "boolean":
        if given not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {given}", param=name)
        return given == "true"
    if kind in {"decimal", "number"}:
        return _decimal(kind, given, name)
    return given


def _decimal(kind: str, given: str, name: str) -> Any:
    try:
        number = Decimal(given)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise invalid(f"Invalid decimal: {given}", param=name)
    return float(number) if kind == "number" else format(number, "f")


def _not_one_of(node: Node, given: Any, path: Path) -> StripeError:
    name = label(path)
    if not node.literals:
        return invalid("Invalid object", param=name)
    words = list(node.literals)
    listed = words[0] if len(words) == 1 else ", ".join(words[:-1]) + f", or {words[-1]}"
    if len(words) == 2:
        listed = " or ".join(words)
    return invalid(f"Invalid {name}: must be one of {listed}", param=name) if given else empty_parameter(name)
