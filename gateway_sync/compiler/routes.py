"""Routes: operations and pass-throughs as callers reach them, and the products that open each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway_sync.policies.patterns import Operations, compile_pattern, is_pattern
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import OperationRow, ProductRow, VersionRow
from gateway_sync.snapshot import MAX_PATH_CHARACTERS, MAX_ROUTES_A_VERSION, Route, Version

_METHOD = re.compile(r"[A-Z][A-Z-]{0,19}|\*")
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_FORBIDDEN_IN_PATH = re.compile(r"[\s?#\x00-\x20\x7f]")
_REST = "/{*}"  # ends the path of a pass-through: everything below


@dataclass(frozen=True, slots=True)
class Grant:
    """What one product opens of one version; without patterns everything, with none left usable nothing."""

    product_id: str
    operations: Operations
    is_closed: bool

    def rank(self, route_id: str) -> int | None:
        """0 when the product names the operation, 1 when a wildcard does, 2 when it takes all; None when closed."""
        return None if self.is_closed else self.operations.rank(route_id)


def compile_routes(version: VersionRow) -> tuple[tuple[Route, ...], list[Problem]]:
    """The routes of a version, not yet opened by any product, and what is wrong with the others."""
    where = Where("version", version.id, "operations")
    if version.passthrough_methods:
        operations: Iterable[OperationRow] = (
            OperationRow(method, version.passthrough_prefix.rstrip("/") + _REST)
            for method in version.passthrough_methods
        )
    else:
        operations = version.operations
        if len(version.operations) > MAX_ROUTES_A_VERSION:  # not looked at: all other APIs wait for this one meanwhile
            message = f"The version has {len(version.operations)} operations; {MAX_ROUTES_A_VERSION} are the most."
            return (), [Problem("version.E001", message, where, "Split it into several APIs.")]
    routes: dict[tuple[str, str], Route] = {}
    problems: list[Problem] = []
    for operation in sorted(operations, key=lambda row: (row.path, row.method)):
        route_id = f"{operation.method} {operation.path}"
        if fault := _fault_of(operation):
            problems.append(Problem("operation.E001", f'"{route_id}" cannot be routed: {fault}.', where))
            continue
        same = routes.setdefault(
            (operation.method, _PARAMETER.sub("{}", operation.path)),
            Route(route_id, operation.method, operation.path, ()),
        )
        if same.id != route_id:
            message = f'"{route_id}" is the same to callers as "{same.id}", which is used.'
            problems.append(Problem("operation.W001", message, where, "Keep one of them in the document."))
    if not routes and not problems:
        hint = "Import a contract, add operations, or make it a pass-through."
        problems.append(Problem("version.W001", "The version has no operations: every call gets 404.", where, hint))
    return tuple(sorted(routes.values(), key=lambda route: route.id)), problems


def _fault_of(operation: OperationRow) -> str:
    path = operation.path
    if not _METHOD.fullmatch(operation.method):
        return "its method is not a name in capitals"
    if not path.startswith("/"):
        return "its path does not start with /"
    if len(path) > MAX_PATH_CHARACTERS:
        return f"its path is longer than {MAX_PATH_CHARACTERS} characters"
    if _FORBIDDEN_IN_PATH.search(path):
        return "its path holds a space, a control character, ? or #"
    names = _PARAMETER.findall(path)
    if len(names) != len(set(names)):
        return "it has two parameters of one name"
    if any(brace in _PARAMETER.sub("", path) for brace in "{}"):
        return "its braces do not pair up"
    if "*" in names and not path.endswith(_REST):
        return "{*} is not its last segment"
    return ""


def grants_of(opened: Iterable[tuple[str, Sequence[str]]]) -> list[Grant]:
    """What products open of one version. Shapes: pairs of a product and the patterns of its item."""
    grants = []
    for product_id, operations in opened:
        patterns = [text for text in operations if is_pattern(text)]
        grants.append(Grant(product_id, Operations(patterns), is_closed=bool(operations) and not patterns))
    return grants


def unreadable_patterns(products: Iterable[ProductRow]) -> list[Problem]:
    """An error for each pattern that cannot be read, so that it opens nothing."""
    hint = 'Write it like "GET /accounts*" or "* /accounts/{id}".'
    return [
        Problem(
            "product.E001",
            f'"{text}" does not name operations and opens none.',
            Where("product", product.id, "operations"),
            hint,
        )
        for product in products
        for item in product.items
        for text in item.operations
        if not is_pattern(text)
    ]


def open_routes(version: Version, granted: Sequence[Grant]) -> Version:
    """The version with the products of each route: those that name it first, then by wildcard, then by the whole."""
    return replace(version, routes=tuple(_opened(route, granted) for route in version.routes))


def _opened(route: Route, granted: Sequence[Grant]) -> Route:
    ranked = sorted((rank, grant.product_id) for grant in granted if (rank := grant.rank(route.id)) is not None)
    return replace(
        route, products=tuple(product_id for _, product_id in ranked), ranks=tuple(rank for rank, _ in ranked)
    )


def unmatched_patterns(products: Iterable[ProductRow], versions: Mapping[str, Version]) -> list[Problem]:
    """A warning for each pattern that opens nothing of the version it is written for, where that version runs."""
    problems = []
    for product in products:
        where = Where("product", product.id, "operations")
        for item in product.items:
            version = versions.get(item.version_id)
            if version is None or not version.routes:
                continue
            for text in item.operations:
                if is_pattern(text) and not names_any(text, version.routes):
                    message = f'"{text}" matches no operation of version {version.name}.'
                    problems.append(Problem("product.W001", message, where, "Check the method and the path."))
    return problems


def names_any(text: str, routes: Iterable[Route]) -> bool:
    """True when a pattern names one of the routes at least."""
    compiled = compile_pattern(text)
    return any(compiled.fullmatch(route.id) for route in routes)
