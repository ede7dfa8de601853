"""The whole state: fragments put together, each broken part replaced by its last good form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from gateway_sync.compiler.composites import service_problems
from gateway_sync.compiler.edge import compile_edge
from gateway_sync.compiler.loader import Loader, Trusting, load_api, told
from gateway_sync.compiler.memory import Dependencies, Inputs, Made, Memory, opened_versions
from gateway_sync.compiler.places import compile_environment
from gateway_sync.compiler.routes import grants_of, open_routes, unmatched_patterns, unreadable_patterns
from gateway_sync.compiler.terms import compile_plan
from gateway_sync.compiler.versions import compile_api, last_form
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import EnvironmentRow, PlanVersionRow, ProductRow, Rows
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

Form = Callable[[Inputs, EnvironmentRow, API | None], tuple[tuple[API, bytes] | None, list[Problem]]]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Shapes: fragments holds the canonical bytes by name; problems is sorted and without doubles."""

    fragments: dict[str, bytes]
    snapshot: Snapshot
    problems: tuple[Problem, ...]


def compile_snapshot(
    rows: Rows, last_good: Mapping[str, str], memory: Memory | None = None, loader: Loader | None = None
) -> Compiled:
    """The snapshot that rows ask for, and all that is wrong with them.

    Shapes: last_good maps fragment names to the JSON text in force; what is broken now, or what no gateway would load,
    is taken from there. memory is of the compilation before; it saves work and changes nothing.
    Errors: total; equal rows and last_good give equal bytes.
    """
    loader = loader or Trusting()
    environment, problems = _environment(rows.environment, last_good, loader)
    products, found = _products(rows.products, rows.plans, last_good, loader)
    problems += found
    problems += unreadable_patterns(rows.products)
    fragments = {ENVIRONMENT_FRAGMENT: canonical_bytes(environment), PRODUCTS_FRAGMENT: canonical_bytes(products)}
    apis: dict[str, API] = {}
    made, found = _apis(rows, last_good, memory or Memory(), partial(_form, environment=environment, loader=loader))
    problems += found
    for each in made:
        problems += each.problems
        if each.api is not None:
            row = each.inputs.row
            apis[row.name], fragments[api_fragment(row.id)] = each.api
    versions = {version.id: version for api in apis.values() for version in api.versions}
    problems += unmatched_patterns(rows.products, versions)
    problems += service_problems(apis.values())
    edge, found = compile_edge(rows.environment, apis.values(), _last(EDGE_FRAGMENT, Edge, last_good), loader)
    problems += found
    if edge != Edge():
        fragments[EDGE_FRAGMENT] = canonical_bytes(edge)
    snapshot = Snapshot(environment, products, tuple(apis.values()), edge)
    return Compiled(dict(sorted(fragments.items())), snapshot, tuple(sorted(set(problems))))


def _environment(
    row: EnvironmentRow, last_good: Mapping[str, str], loader: Loader
) -> tuple[Environment, list[Problem]]:
    """The environment as it is, else as it last was good, else what is usable of it."""
    environment, problems = compile_environment(row)
    if _bytes_of(environment) is None:
        problems.append(_unwritable("environment", row.id))
        environment = replace(environment, policies=())
    if faults := loader.environment(environment):
        problems += told(faults, "environment.E006", f"the environment {row.name}", Where("environment", row.id))
        environment = replace(environment, policies=(), allowed_networks=(), allow_public_networks=False)
    if any(problem.is_error for problem in problems):
        return _last(ENVIRONMENT_FRAGMENT, Environment, last_good) or environment, problems
    return environment, problems


def _products(
    rows: tuple[ProductRow, ...], plans: tuple[PlanVersionRow, ...], last_good: Mapping[str, str], loader: Loader
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
        if plan is not None and (faults := loader.plan(plan)):
            plan, found = None, told(faults, "plan.E008", f"the plan {row.plan}", Where("plan", row.id))
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


def _apis(rows: Rows, last_good: Mapping[str, str], memory: Memory, form: Form) -> tuple[list[Made], list[Problem]]:
    """The APIs in the order of ids, what nothing changed for as it was; and those whose name is taken."""
    dependencies = Dependencies(rows.environment, rows.products)
    made: list[Made] = []
    problems: list[Problem] = []
    names: set[str] = set()
    remade = 0
    for row in sorted(rows.apis, key=lambda api: api.id):
        if row.name in names:
            message = f'Another API is named "{row.name}".'
            problems.append(Problem("api.E003", message, Where("api", row.id, "name")))
            continue
        inputs = dependencies.inputs(row, last_good.get(api_fragment(row.id), ""))
        known = memory.find(inputs)
        if known is None:
            known = Made(inputs, *_api(inputs, rows.environment, form))
            remade += 1
        made.append(known)
        if known.api is not None:
            names.add(row.name)
    memory.keep(made, remade)
    return made, problems


def _api(
    inputs: Inputs, environment: EnvironmentRow, form: Form
) -> tuple[tuple[API, bytes] | None, tuple[Problem, ...]]:
    """The API with its bytes, None when nothing of it can be served; the form in force is read where something is."""
    made, problems = form(inputs, environment, None)
    if inputs.last and (made is None or any(problem.is_error for problem in problems)):
        made, problems = form(inputs, environment, _read(inputs.last, API))
    return made, tuple(problems)


def _form(
    inputs: Inputs, row_of: EnvironmentRow, last: API | None, *, environment: Environment, loader: Loader
) -> tuple[tuple[API, bytes] | None, list[Problem]]:
    row, opened = inputs.row, opened_versions(inputs)
    api, problems = compile_api(row, row_of, last)
    former = last_form(row, last)
    for candidate in (api, former):
        if candidate is None:
            break
        loadable, found = load_api(candidate, former, environment, loader)
        problems += found
        if loadable is None:
            continue
        versions = (open_routes(version, grants_of(opened.get(version.id, ()))) for version in loadable.versions)
        whole = replace(loadable, versions=tuple(versions))
        content = _bytes_of(whole)
        if content is not None and len(content) <= MAX_FRAGMENT_BYTES:
            return (whole, content), problems
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
    return _read(last_good[name], shape) if name in last_good else None


def _read(text: str, shape: type[T]) -> T | None:
    try:
        return decode_fragment(text, shape)
    except SnapshotInvalid:
        return None
