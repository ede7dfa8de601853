"""validate-request: refuses requests that are not as the version's document says, before the service sees them.

Schemas are compiled when a snapshot is applied. Patterns are matched in linear time where they allow it, else with a
bound on the steps, so that no caller can make a schema expensive. What the document does not describe passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

import jsonschema_rs
import msgspec

from gateway_sync.messages import Refusal
from gateway_sync.policies.contracts import OperationContract, ParameterContract
from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.placeholders import path_expression, path_group
from gateway_sync.policies.schema_patterns import SIZE_LIMIT, fault_of_pattern, patterns_in
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.strict_json import read_json
from gateway_sync.policies.views import RequestView, RouteFacts, Unbindable
from gateway_sync.problems import Problem, Where

KIND = "validate-request"
MOST_ERRORS: Final = 10
_LONGEST_MESSAGE = 200
_LARGEST = 16 * 2**20
_USUAL_BYTES = 2**20
_LINEAR: Final = jsonschema_rs.RegexOptions(size_limit=SIZE_LIMIT)  # no engine that tries, and tries again
# Listing faults costs the square of their number, and doubles with each level under overlapping alternatives: what is
# larger or deeper is checked just the same, but not explained. Else one small body could hold a worker for minutes.
EXPLAINED_SIZE: Final = 4096
EXPLAINED_DEPTH: Final = 8
_UNEXPLAINED = f"It is not as its schema says; where is told of up to {EXPLAINED_SIZE} bytes, {EXPLAINED_DEPTH} deep."

DESCRIPTION = Description(
    KIND,
    "Requests as the document says",
    "Checks parameters of the path, query and headers, and JSON bodies, against the version's OpenAPI document. A"
    " refusal lists what is wrong, ten faults at most. In shadow it only counts. Cookies, parameters in other styles"
    " than `form` and `simple`, and what the document does not describe are not checked. A `pattern` that looks around"
    " or back, or repeats more than 1,000 parts, is refused when the version is published: callers could keep a gateway"
    " busy with it.",
    (
        Setting("parameters", "Check parameters", "flag", "Of the path, the query and the headers.", default="true"),
        Setting(
            "body", "Check bodies", "flag", "Bodies of JSON, and whether one is there that must be.", default="true"
        ),
        Setting(
            "max",
            "Largest body",
            "size",
            "Bodies are read whole before they are passed on; larger ones are refused.",
            "At most 16MiB.",
            default="1MiB",
        ),
    ),
    "validate-request: { max: 256KiB }",
    "invalid-request",
    contract="requests",
)


@dataclass(frozen=True, slots=True)
class ValidateRequest:
    """What is checked. Units: bytes."""

    parameters: bool = True
    body: bool = True
    max_bytes: int = _USUAL_BYTES


POLICY = ValidateRequest
Fault = tuple[str, str]  # pointer, message


class Validation:
    """A validate-request bound to a route."""

    __slots__ = ("_bodies", "_expression", "_is_body_required", "_parameters", "body_bytes")

    def __init__(self, policy: ValidateRequest, route: RouteFacts, contract: OperationContract) -> None:
        """Errors: Unbindable for a schema that is none."""
        self._parameters = [
            (each, _validator(each.schema, route.definitions))
            for each in (contract.parameters if policy.parameters else ())
            if each.is_required or (each.type and each.schema)
        ]
        self._bodies = {
            media_type: _validator(schema, route.definitions) if schema else None
            for media_type, schema in (contract.bodies if policy.body else ())
        }
        self._is_body_required = contract.is_body_required and policy.body
        self._expression = path_expression(route.path)
        needs_body = self._is_body_required or any(self._bodies.values())
        self.body_bytes = policy.max_bytes if needs_body else 0

    @property
    def is_idle(self) -> bool:
        """True when the document says nothing that could be checked."""
        return not (self._parameters or self._bodies or self._is_body_required)

    def on_request(self, request: RequestView) -> Refusal | None:
        """A refusal that lists what is wrong."""
        faults: list[Fault] = []
        for fault in self._faults(request):
            faults.append(fault)
            if len(faults) == MOST_ERRORS:
                break
        if not faults:
            return None
        errors = [{"pointer": pointer, "message": message} for pointer, message in faults]
        return Refusal("invalid-request", faults[0][1], members=(("errors", errors),))

    def _faults(self, request: RequestView) -> Iterator[Fault]:
        if self._parameters:
            yield from self._faults_of_parameters(request)
        if self._bodies or self._is_body_required:
            yield from self._faults_of_body(request)

    def _faults_of_parameters(self, request: RequestView) -> Iterator[Fault]:
        query = _query_values(request.query)
        match = self._expression.fullmatch(request.path)
        path = match.groupdict() if match else {}
        for parameter, validator in self._parameters:
            if parameter.location == "query":
                texts = query.get(parameter.name, [])
            elif parameter.location == "header":
                texts = request.fields.values(parameter.name)
                if len(texts) > 1 and not parameter.type.startswith("array"):
                    texts = [", ".join(texts)]  # RFC 9110 section 5.3
            else:
                text = path.get(path_group(parameter.name))
                texts = [] if text is None else [unquote(text)]
            pointer = f"#/{parameter.location}/{parameter.name}"
            if not texts:
                if parameter.is_required:
                    yield pointer, "It is required."
            elif len(texts) > 1 and parameter.type and not parameter.type.startswith("array"):
                yield pointer, "It stands there more than once."  # the service may read the other one
            elif parameter.type and validator is not None:
                yield from _check(validator, _read(parameter, texts), pointer, sum(map(len, texts)))

    def _faults_of_body(self, request: RequestView) -> Iterator[Fault]:
        body = request.body
        if not body:
            if self._is_body_required:
                yield "#", "A body is required."
            return
        media_type = request.fields.get("Content-Type").partition(";")[0].strip().lower()
        found = next((each for each in self._bodies if _is_of(media_type, each)), None)
        if found is None:
            if self._bodies:
                yield "#", f"The body must be of {' or '.join(sorted(self._bodies))}."
            return
        validator = self._bodies[found]
        if validator is None:
            return
        try:
            value = read_json(body)
        except ValueError as error:  # UnicodeDecodeError is one
            yield "#", f"The body is no JSON: {error}"[:_LONGEST_MESSAGE]
            return
        yield from _check(validator, value, "#", len(body))


def bind(policy: ValidateRequest, route: RouteFacts) -> Validation | None:
    """What is checked on one route; None where its document says nothing. Errors: Unbindable."""
    if route.contract is None:
        return None
    validation = Validation(policy, route, route.contract)
    return None if validation.is_idle else validation


def _validator(schema: str, definitions: tuple[tuple[str, str], ...]) -> Any:
    """A compiled schema; None for an empty one. Errors: Unbindable."""
    if not schema:
        return None
    written = json.loads(schema)
    if isinstance(written, dict):
        written["$defs"] = {name: json.loads(text) for name, text in _reachable(schema, dict(definitions))}
    _check_patterns(written)
    try:
        return jsonschema_rs.Draft202012Validator(
            written, validate_formats=True, pattern_options=_LINEAR, retriever=_refuse
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise Unbindable(f"a schema of its document cannot be used: {error}"[:_LONGEST_MESSAGE]) from error


def _check_patterns(schema: object) -> None:
    """Refuse patterns that callers could have matched for long. Errors: Unbindable, which names the place."""
    for place, pattern in patterns_in(schema):
        fault = fault_of_pattern(pattern)
        if not fault:
            try:
                jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=_LINEAR)
            except ValueError:
                fault = "it is malformed, too large, or cannot be matched in bounded time"
        if fault:
            raise Unbindable(f"the pattern at {place} of its document's schema is refused, {fault}: {pattern[:80]}")


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched")


def _reachable(schema: str, definitions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The definitions that a schema names, and those that these name."""
    seen: set[str] = set()
    waiting = [schema]
    while waiting:
        text = waiting.pop()
        for name, definition in definitions.items():
            if name not in seen and f'"#/$defs/{name}"' in text:
                seen.add(name)
                waiting.append(definition)
                yield name, definition


def _check(validator: Any, value: object, pointer: str, size: int) -> Iterator[Fault]:
    if validator.is_valid(value):
        return
    if size > EXPLAINED_SIZE or _is_deeper(value, EXPLAINED_DEPTH):
        yield pointer, _UNEXPLAINED
        return
    for error in validator.iter_errors(value):
        place = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in error.instance_path)
        yield pointer + place, error.message[:_LONGEST_MESSAGE]


def _is_deeper(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(part, depth - 1) for part in parts)


def _query_values(query: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return values


def _read(parameter: ParameterContract, texts: list[str]) -> object:
    """The value that texts stand for; a text that is none of the type stays a text, and the schema says so."""
    kind, _, inner = parameter.type.partition(":")
    if kind != "array":
        return _scalar(kind, texts[-1])
    if parameter.location != "query" or not parameter.is_exploded:
        texts = [part for text in texts for part in text.split(",")]
    return [_scalar(inner, text.strip() if parameter.location == "header" else text) for text in texts]


def _scalar(kind: str, text: str) -> object:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in {"integer", "number"}:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return text
        return value if isinstance(value, int | float) and not isinstance(value, bool) else text
    return text


def _is_of(media_type: str, pattern: str) -> bool:
    """True when a media type is what a document wrote: `application/json`, `application/*`, `*/*`."""
    if pattern in {media_type, "*/*"}:
        return True
    return pattern.endswith("/*") and media_type.startswith(pattern[:-1])


def parse(settings: Mapping[str, object], where: Where) -> tuple[ValidateRequest | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    policy = ValidateRequest(
        reader.flag("parameters", default=True),
        reader.flag("body", default=True),
        reader.size_bytes("max", _USUAL_BYTES),
    )
    if not (policy.parameters or policy.body):
        reader.refuse("", "It checks neither parameters nor bodies.")
    if not 0 < policy.max_bytes <= _LARGEST:
        reader.refuse("max", '"max" must be from 1 byte to 16MiB.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: ValidateRequest) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"parameters": policy.parameters, "body": policy.body, "max": policy.max_bytes}
