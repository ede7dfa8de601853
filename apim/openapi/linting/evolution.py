"""Rules about what can change later without breaking anybody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apim.openapi.contract import Contract, Located
from apim.openapi.linting.rules import SEVERITIES, SWITCH, Verdict
from apim.openapi.linting.schemas import types_of
from apim.openapi.values import Node, Place, node, text

_PAGING = re.compile(
    r"\A(page|limit|offset|cursor|after|before|size|count|start|top|skip|per_?page|page_?\w+)\Z", re.IGNORECASE
)
_INSTEAD = re.compile(r"\b(use|instead|replaced|successor|moved?|see|until|removed)\b|https?://", re.IGNORECASE)


def response_object(contract: Contract) -> Iterator[Verdict]:
    """A JSON answer is an object, not a bare list.

    An object can later carry a cursor, a total or a warning; a list cannot carry anything beside its items.
    """
    for operation, status, found in contract.answers:
        for kind, media in contract.contents(found) if status.startswith("2") else ():
            schema = contract.schema_of(media.value, media.at)
            if "json" in kind and schema is not None:
                message = f"Let {operation.name} answer an object with the list inside, such as `{{data: [...]}}`."
                yield media.at, message if "array" in types_of(schema.value) else ""


def list_paged(contract: Contract) -> Iterator[Verdict]:
    """An operation that lists has pages.

    By a parameter such as `limit`, `cursor` or `page`. A list that comes whole today is too long one day, and cutting
    it then breaks those who rely on all of it.
    """
    lists: dict[Place, bool] = {}
    for operation in contract.operations:
        answers = [found for code in ("200", "2XX") if (found := operation.responses.get(code)) is not None]
        for one in answers:
            if one.at not in lists:
                lists[one.at] = _is_list(contract, one)
        if operation.method != "GET" or not any(lists[one.at] for one in answers):
            continue
        names = [name for where, name in operation.parameters if where == "query"]
        message = f"Give {operation.name} pages: a query parameter such as `limit` or `cursor`."
        yield operation.at, "" if any(map(_PAGING.match, names)) else message


def deprecation_explained(contract: Contract) -> Iterator[Verdict]:
    """What is deprecated says what to use instead.

    A date, a successor or a link in the description: without it callers only learn that something is wrong.
    """
    for operation in contract.operations:
        if operation.value.get("deprecated") is True:
            said = f"{text(operation.value.get('summary'))} {text(operation.value.get('description'))}"
            message = f"Say in the description of {operation.name} what to use instead, and until when it works."
            yield operation.at, "" if _INSTEAD.search(said) else message


def answer_open(contract: Contract) -> Iterator[Verdict]:
    """Answers do not forbid further properties.

    `additionalProperties: false` in an answer makes each new property a breaking change for callers that check it.
    """
    for _, status, found in contract.answers:
        for _, media in contract.contents(found) if status.startswith("2") else ():
            schema = contract.schema_of(media.value, media.at)
            if schema is not None:
                is_closed = schema.value.get("additionalProperties") is False
                yield schema.at, "Take `additionalProperties: false` from this answer." if is_closed else ""


def switch(contract: Contract) -> Iterator[Verdict]:
    """`x-apim-lint` names rules and says `off` or a severity.

    A switch with a misspelt name switches nothing.
    """
    from_places: list[tuple[Place, Node]] = [(None, contract.data)]
    from_places += [(item.at, item.value) for item in contract.paths.values()]
    from_places += [(operation.at, operation.value) for operation in contract.operations]
    from_places += [(schema.at, schema.value) for schema in contract.schemas]
    for at, value in from_places:
        if SWITCH in value:
            yield (at, SWITCH), _switch_fault(value[SWITCH])


def _switch_fault(switches: object) -> str:
    if not isinstance(switches, dict):
        return "Write a rule and `off` or a severity, such as `operation-tag: off`."
    for name, wanted in switches.items():
        if wanted is not False and wanted not in ("off", *SEVERITIES):  # a tuple: wanted may be a list
            return f"Say `off`, {', '.join(f'`{one}`' for one in SEVERITIES)} of `{name}`."
    return ""


def _is_list(contract: Contract, response: Located) -> bool:
    """True for a response whose JSON is a list, or an object with one list under a usual name."""
    for kind, media in contract.contents(response):
        schema = contract.schema_of(media.value, media.at)
        if "json" not in kind or schema is None:
            continue
        wrapped = [node(schema.value.get("properties")).get(name) for name in ("data", "items", "results", "value")]
        if "array" in types_of(schema.value) or any("array" in types_of(node(one)) for one in wrapped):
            return True
    return False
