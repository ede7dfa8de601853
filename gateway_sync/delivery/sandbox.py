"""The sandbox as rows: for each public version a twin, answered by its document or by a service that its owner named.

Owns: how a version becomes its twin. Must not know: who has keys. A twin never has the version's own service. Without
one of its own, operations whose document names no answer are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from apim.catalog.contracts import contract_of
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.gateways import sandbox
from gateway_sync import rows
from gateway_sync.delivery.json_fields import mapping
from gateway_sync.delivery.upstreams import upstream_row
from gateway_sync.policies.contracts import Contract
from gateway_sync.problems import Problem, Where

_MET_FIRST = frozenset({"cors", "key-auth", "validate-request"})  # what callers meet before the service
# With a service of its own also what guards and shapes calls. Not: other ways to authenticate, what stands in for the
# service, and what is written into calls for the service in earnest: that may be what opens it.
_AROUND_SERVICE = _MET_FIRST | {
    "ip-filter", "rate-limit", "concurrency-limit", "size-limit", "upgrade", "streaming", "compression",
    "response-headers", "path-rewrite",
}  # fmt: skip
_NOWHERE = rows.UpstreamRow((rows.TargetRow("http://sandbox.invalid"),))  # RFC 6761: never resolves; never asked
# Contracts by revision: a revision never changes, and reading a large document takes a second.
_read: dict[str, Contract] = {}


@dataclass(frozen=True, slots=True)
class _Source:
    """What a twin is made of. Shapes: service is APIVersion.sandbox_upstream; contract None = there is no document."""

    service: Mapping[str, object]
    contract: Contract | None


def sandbox_apis(environment_id: str, apis: Iterable[rows.APIRow], database: str) -> tuple[rows.APIRow, ...]:
    """The twins of apis. Shapes: only of public APIs; versions whose document can be read, or that have a service."""
    sources = _sources(environment_id, database)
    made = []
    for api in apis:
        found = [_twin(version, sources[version.id]) for version in api.versions if version.id in sources]
        if twins := tuple(twin for twin in found if twin is not None):
            made.append(replace(api, id=sandbox.twin_id(api.id), name=sandbox.path_name(api.name), versions=twins))
    return tuple(made)


def told_of_twin(problem: Problem) -> Problem | None:
    """The problem as the version's own; None for what its own form says as well: only the service is the twin's."""
    where = problem.where
    if not sandbox.is_twin(where.id):
        return problem
    if where.field != "upstream" and not where.field.startswith("upstream."):
        return None
    return replace(problem, where=Where(where.kind, sandbox.original_id(where.id), f"sandbox_{where.field}"))


def sandbox_product(apis: Iterable[rows.APIRow]) -> rows.ProductRow:
    """What a sandbox key opens: every twin."""
    items = sorted(version.id for api in apis for version in api.versions)
    return rows.ProductRow(sandbox.PRODUCT_ID, "sandbox", tuple(map(rows.ProductItemRow, items)))


def sandbox_plan() -> rows.PlanVersionRow:
    """What a sandbox key may do: enough to learn with, too little to build on."""
    rate = rows.RateRow(sandbox.CALLS_A_SECOND, 1, sandbox.BURST)
    quotas = (rows.QuotaRow(sandbox.CALLS_A_DAY, "day"),)
    return rows.PlanVersionRow(sandbox.PLAN_ID, "sandbox", 1, rate, quotas, is_sharing=True)


def sandboxed(versions: QuerySet[APIVersion]) -> QuerySet[APIVersion]:
    """Those of versions that a sandbox has a twin of, as far as their rows tell."""
    return versions.filter(state__in=APIVersion.CALLABLE, api__visibility=API.Visibility.PUBLIC)


def _sources(environment_id: str, database: str) -> dict[str, _Source]:
    """What the twins are made of, by version."""
    found = Deployment.objects.using(database).filter(
        environment_id=environment_id, version__in=sandboxed(APIVersion.objects.using(database))
    )
    named = found.exclude(version__sandbox_upstream={}).values_list("version_id", "version__sandbox_upstream")
    services = {version_id: mapping(service) for version_id, service in named}
    written = found.filter(revision__passthrough__isnull=True).exclude(revision__document="")
    revisions = dict(written.values_list("version_id", "revision_id"))
    read = _read_documents(set(revisions.values()), database)
    contracts = {version_id: read.get(revision_id) for version_id, revision_id in revisions.items()}
    return {
        version_id: _Source(services.get(version_id, {}), contracts.get(version_id))
        for version_id in services.keys() | contracts.keys()
    }


def _read_documents(revisions: set[str], database: str) -> Mapping[str, Contract]:
    """The contracts of revisions that have one. What is kept is shared with threads that publish elsewhere."""
    known = {revision_id: contract for revision_id, contract in _read.copy().items() if revision_id in revisions}
    documents = Revision.objects.using(database).filter(id__in=revisions - known.keys()).values_list("id", "document")
    known |= {revision_id: contract_of(document) for revision_id, document in documents}
    for revision_id in _read.copy().keys() - revisions:  # replaced since
        _read.pop(revision_id, None)
    _read.update(known)
    return known


def _twin(version: rows.VersionRow, source: _Source) -> rows.VersionRow | None:
    """The version's form in the sandbox; None when nothing would answer."""
    answered = (
        {name for name, operation in source.contract.operations if operation.answers} if source.contract else set()
    )
    if source.service:
        return _forwarding(version, source, answered)
    if source.contract is None or not source.contract.operations:
        return None
    kept = tuple(policy for policy in version.policies if policy.kind in _MET_FIRST)
    return replace(
        version,
        id=sandbox.twin_id(version.id),
        operations=tuple(each for each in version.operations if f"{each.method} {each.path}" in answered),
        upstream=_NOWHERE,
        policies=(*kept, rows.PolicyRow("mock", {})),
        contract=source.contract,
        composites={},
        successor="",
    )


def _forwarding(version: rows.VersionRow, source: _Source, answered: set[str]) -> rows.VersionRow:
    """The twin that forwards. Composites are mocked there: their steps would reach services in earnest."""
    service = dict(source.service)
    headers = mapping(service.pop("headers", {}))
    policies = [policy for policy in version.policies if policy.kind in _AROUND_SERVICE]
    if headers:
        policies.append(rows.PolicyRow("request-headers", {"set": headers}))
    if mocked := sorted(answered & version.composites.keys()):
        policies.append(rows.PolicyRow("mock", {"operations": mocked}))
    closed = version.composites.keys() - answered
    asks = bool(mocked) or any(policy.kind == "validate-request" for policy in policies)
    return replace(
        version,
        id=sandbox.twin_id(version.id),
        operations=tuple(each for each in version.operations if f"{each.method} {each.path}" not in closed),
        upstream=upstream_row(service, {}),
        policies=tuple(policies),
        contract=source.contract if asks else None,
        composites={},
        successor="",
    )
