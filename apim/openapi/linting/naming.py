"""Rules about names: operation ids, paths, parameters, properties, tags."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import chain

from apim.openapi.contract import Contract, template_names, template_shape
from apim.openapi.linting.rules import Verdict
from apim.openapi.values import Place, node, sequence, text, texts

_ID = re.compile(r"\A[A-Za-z][A-Za-z0-9_.-]*\Z")
_SEGMENT = re.compile(r"\A[a-z0-9][a-z0-9._~:-]*\Z")
_VERB = re.compile(r"\A(get|list|fetch|create|add|insert|update|modify|delete|remove)(?=[A-Z_-]|\Z)")
_STYLES = (
    ("snake_case", re.compile(r"\A_?[a-z0-9]+(_[a-z0-9]+)+\Z")),
    ("camelCase", re.compile(r"\A[a-z][a-z0-9]*([A-Z][a-z0-9]*)+\Z")),
    ("kebab-case", re.compile(r"\A[a-z0-9]+(-[a-z0-9]+)+\Z")),
    ("PascalCase", re.compile(r"\A[A-Z][a-z0-9]+([A-Z][a-z0-9]*)*\Z")),
)
_VERSION_SEGMENT = re.compile(r"\A/v\d+(/|\Z)")


def operation_id(contract: Contract) -> Iterator[Verdict]:
    """Each operation has an `operationId`.

    Generated clients name their methods by it, and people speak of an operation by it.
    """
    for operation in contract.operations:
        is_named = bool(text(operation.value.get("operationId")))
        yield operation.at, "" if is_named else f"Give {operation.name} an `operationId`, such as `listAccounts`."


def operation_id_unique(contract: Contract) -> Iterator[Verdict]:
    """No two operations have the same `operationId`.

    OpenAPI demands it; generators drop one of the two or stop.
    """
    seen: dict[str, str] = {}
    for operation in contract.operations:
        name = text(operation.value.get("operationId"))
        if not name:
            continue
        first = seen.setdefault(name, operation.name)
        message = f"`{name}` is the `operationId` of {first} already; choose another."
        yield (operation.at, "operationId"), "" if first == operation.name else message


def operation_id_plain(contract: Contract) -> Iterator[Verdict]:
    """An `operationId` can be the name of a function.

    Letters, digits, `_`, `-` and `.`, beginning with a letter: each generator rewrites anything else in its own way.
    """
    for operation in contract.operations:
        if name := text(operation.value.get("operationId")):
            message = f"Write `{name}` with letters, digits, `_`, `-` and `.` alone."
            yield (operation.at, "operationId"), "" if _ID.match(name) else message


def path_case(contract: Contract) -> Iterator[Verdict]:
    """Paths are in small letters, words joined by hyphens.

    Paths are case-sensitive: `/userAccounts` and `/useraccounts` differ, and people mistype what is mixed.
    """
    for path, item in contract.paths.items():
        odd = next((one for one in path.split("/") if one and "{" not in one and not _SEGMENT.match(one)), "")
        better = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", "-", odd).lower()
        yield item_place(path), f"Write `{odd}` as `{better}` in `{path}`." if odd and item else ""


def path_slash(contract: Contract) -> Iterator[Verdict]:
    """No path ends in a slash, and none has two in a row.

    `/accounts` and `/accounts/` are two paths; callers who mistype the one get 404.
    """
    for path in contract.paths:
        is_sound = path == "/" or not (path.endswith("/") or "//" in path)
        yield item_place(path), "" if is_sound else f"Write `{re.sub('/+', '/', path).rstrip('/') or '/'}`."


def path_verb(contract: Contract) -> Iterator[Verdict]:
    """Paths name things; the method says what is done.

    `GET /accounts` rather than `GET /getAccounts`: one thing then has one path, and caches and rights follow it.
    """
    for path in contract.paths:
        verb = next((one for one in path.split("/") if _VERB.match(one)), "")
        yield (
            item_place(path),
            f"`{verb}` says what is done: name the thing, and let the method say it." if verb else "",
        )


def path_version(contract: Contract) -> Iterator[Verdict]:
    """No path begins with a version.

    The gateway puts the name of the version before every path: `/bank/v1/v1/accounts` says it twice. Write it in the
    URL of `servers` instead, whose path is put before every path on the way to the upstream.
    """
    for path in contract.paths:
        message = f"Move the version of `{path}` into the URL of `servers`: callers see `/api/version{path}` now."
        yield item_place(path), message if _VERSION_SEGMENT.match(path) else ""


def path_parameter(contract: Contract) -> Iterator[Verdict]:
    """Each parameter of a path is declared, required, and in the path.

    What is not declared has no type; what is declared and not in the path can never be sent.
    """
    for operation in contract.operations:
        named = dict.fromkeys(template_names(operation.path))
        declared = {name: found for (where, name), found in operation.parameters.items() if where == "path"}
        for name in named:
            message = f"Declare `{name}` of {operation.name} as a parameter with `in: path`."
            yield (operation.at, "parameters"), "" if name in declared else message
        for name, found in declared.items():
            if name not in named:
                yield (
                    found.at,
                    f"`{name}` is not in the path of {operation.name}: remove it, or write {{{name}}} there.",
                )
            else:
                is_required = found.value.get("required") is True
                yield (
                    found.at,
                    "" if is_required else f"Say `required: true` of `{name}`: a path without it is another.",
                )


def path_ambiguous(contract: Contract) -> Iterator[Verdict]:
    """No two paths match the same requests.

    `/accounts/{id}` and `/accounts/{number}` are one path to a gateway; only the first is served.
    """
    seen: dict[str, str] = {}
    for path in contract.paths:
        first = seen.setdefault(template_shape(path), path)
        yield (
            item_place(path),
            "" if first == path else f"`{path}` matches the same requests as `{first}`: join the two.",
        )


def property_case(contract: Contract) -> Iterator[Verdict]:
    """Names of properties are written in one style.

    The style that most of them have counts: readers should not have to remember which name is `accountId` and which
    `account_id`.
    """
    places: dict[str, list[tuple[Place, str]]] = defaultdict(list)
    for schema in contract.schemas:
        for name in node(schema.value.get("properties")):
            style = next((style for style, pattern in _STYLES if pattern.match(str(name))), "")
            if style:
                places[style].append((((schema.at, "properties"), str(name)), str(name)))
    most = max(places, key=lambda style: len(places[style]), default="")
    for style, (at, name) in chain.from_iterable(((style, one) for one in found) for style, found in places.items()):
        yield at, "" if style == most else f"`{name}` is {style}; most names here are {most}."


def parameter_unique(contract: Contract) -> Iterator[Verdict]:
    """No list of parameters has one twice.

    OpenAPI forbids it; which of the two counts is each tool's own guess.
    """
    for operation in contract.operations:
        listed = [node(one) for one in sequence(operation.value.get("parameters"))]
        counts = Counter((text(one.get("in")), text(one.get("name"))) for one in listed if text(one.get("name")))
        for (where, name), count in counts.items():
            yield (operation.at, "parameters"), "" if count == 1 else f"`{name}` in {where} is there twice; keep one."


def tag_described(contract: Contract) -> Iterator[Verdict]:
    """Each tag that operations use is described in `tags`.

    The portal and every reference group operations by tag, in the order and with the words of that list.
    """
    described = {text(node(tag).get("name")) for tag in sequence(contract.data.get("tags"))}
    used = dict.fromkeys(tag for operation in contract.operations for tag in texts(operation.value.get("tags")))
    for tag in used:
        yield (None, "tags"), "" if tag in described else f"Describe the tag `{tag}` in `tags` at the top."


def item_place(path: str) -> Place:
    """Where a path stands."""
    return ((None, "paths"), path)
