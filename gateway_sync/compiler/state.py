"""The whole state: fragments put together, each broken part replaced by its last good form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from gateway_sync.compiler.composites import service_problems
from gateway_sync.compiler.edge import compile_edge
from gateway_sync.compiler.places import compile_environment
from gateway_sync.compiler.routes import Grant, compile_grants, open_routes, unmatched_patterns
from gateway_sync.compiler.terms import compile_plan
from gateway_sync.compiler.versions import compile_api, last_form
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import APIRow, EnvironmentRow, PlanVersionRow, ProductRow, Rows
from gateway_sync.snapshot import (
    API,
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    MAX_FRAGMENT_BYTES,
    PRODUCTS_FRAGMENT,
    Edge,
    Environment,
    Plan,
    Product,
    Products,
    Snapshot,
    SnapshotInvalid,
    api_fragment,
    canonical_bytes,
    decode_fragment,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Compiled:
    """Shapes: fragments holds the canonical bytes by name; problems is sorted and without doubles."""

    fragments: dict[str, bytes]
    snapshot: Snapshot
    problems: tuple[Problem, ...]


def compile_snapshot(rows: Rows, last_good: Mapping[str, str]) -> Compiled:
    """The snapshot that rows ask for, and all that is wrong with them.

    Shapes: last_good maps fragment names to the JSON text in force; what is broken now is taken from there.
    Errors: total; equal rows and last_good give equal bytes.
    """
    environment, problems = _environment(rows.environment, last_good)
    products, found = _products(rows.products, rows.plans, last_good)
    problems += found
    grants, found = compile_grants(rows.products)
    problems += found
    fragments = {ENVIRONMENT_FRAGMENT: canonical_bytes(environment), PRODUCTS_FRAGMENT: canonical_bytes(products)}
    apis: dict[str, API] = {}
    for row in sorted(rows.apis, key=lambda api: api.id):
        if row.name in apis:
            message = f'Another API is named "{row.name}".'
            problems.append(Problem("api.E003", message, Where("api", row.id, "name")))
            continue
        made, found = _api(row, rows.environment, grants, last_good)
        problems += found
        if made is not None:
            apis[row.name], fragments[api_fragment(row.id)] = made
    versions = {version.id: version for api in apis.values() for version in api.versions}
    problems += unmatched_patterns(rows.products, versions)
    problems += service_problems(apis.values())
    edge, found = compile_edge(rows.environment, apis.values())
    problems += found
    if edge != Edge():
        fragments[EDGE_FRAGMENT] = canonical_bytes(edge)
    snapshot = Snapshot(environment, products, tuple(apis.values()), edge)
    return Compiled(dict(sorted(fragments.items())), snapshot, tuple(sorted(set(problems))))


def _environment(row: EnvironmentRow, last_good: Mapping[str, str]) -> tuple[Environment, list[Problem]]:
    """The environment as it is, else as it last was good, else what is usable of it."""
    environment, problems = compile_environment(row)
    if _bytes_of(environment) is None:
        problems.append(_unwritable("environment", row.id))
        environment = replace(environment, policies=())
    if any(problem.is_error for problem in problems):
        return _last(ENVIRONMENT_FRAGMENT, Environment, last_good) or environment, problems
    return environment, problems


def _products(
    rows: tuple[ProductRow, ...], plans: tuple[PlanVersionRow, ...], last_good: Mapping[str, str]
) -> tuple[Products, list[Problem]]:
    """The fragment of products and plans; a broken plan as it last was good, else left out."""
    last = _last(PRODUCTS_FRAGMENT, Products, last_good)
    last_plans = {plan.id: plan for plan in last.plans} if last else {}
    compiled: list[Plan] = []
    problems: list[Problem] = []
    for row in sorted(plans, key=lambda plan: plan.id):
        plan, found = compile_plan(row)
        if plan is not None and _bytes_of(plan) is None:
            plan, found = None, [_unwritable("plan", row.id)]
        problems += found
        if (kept := plan or last_plans.get(row.id)) is not None:
            compiled.append(kept)
    products = []
    for product_row in sorted(rows, key=lambda product: product.id):
        product = Product(product_row.id, product_row.name)
        if _bytes_of(product) is None:
            problems.append(_unwritable("product", product_row.id))
        else:
            products.append(product)
    return Products(tuple(products), tuple(compiled)), problems


def _api(
    row: APIRow, environment: EnvironmentRow, grants: Mapping[str, list[Grant]], last_good: Mapping[str, str]
) -> tuple[tuple[API, bytes] | None, list[Problem]]:
    """The API with its bytes, None when nothing of it can be served."""
    name = api_fragment(row.id)
    last = _last(name, API, last_good)
    api, problems = compile_api(row, environment, last)
    for candidate in (api, last_form(row, last)):
        if candidate is None:
            break
        opened = replace(candidate, versions=tuple(open_routes(version, grants) for version in candidate.versions))
        content = _bytes_of(opened)
        if content is not None and len(content) <= MAX_FRAGMENT_BYTES:
            return (opened, content), problems
        problems.append(
            _unwritable("api", row.id)
            if content is None
            else Problem("api.E005", f"The API is larger than {MAX_FRAGMENT_BYTES} bytes.", Where("api", row.id))
        )
    return None, problems


def _bytes_of(part: object) -> bytes | None:
    try:
        return canonical_bytes(part)
    except (ValueError, TypeError, OverflowError):
        return None


def _unwritable(kind: str, row_id: str) -> Problem:
    return Problem(f"{kind}.E004", "It holds text that is no Unicode, or a number too large.", Where(kind, row_id))


def _last(name: str, shape: type[T], last_good: Mapping[str, str]) -> T | None:
    """A part as it is in force; None when there is none, or when an older format wrote it."""
    if name not in last_good:
        return None
    try:
        return decode_fragment(last_good[name], shape)
    except SnapshotInvalid:
        return None
