"""The sandbox as rows: for each public version with a document, a twin that answers as the document says.

Owns: how a version becomes its twin. Must not know: who has keys. A twin has no service; operations whose document
names no answer are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django.db.models import QuerySet

from apim.catalog.contracts import contract_of
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.gateways import sandbox
from gateway_sync import rows
from gateway_sync.policies.contracts import Contract

_KEPT_KINDS = frozenset({"cors", "key-auth", "validate-request"})  # what callers meet before the service
_NOWHERE = rows.UpstreamRow((rows.TargetRow("http://sandbox.invalid"),))  # RFC 6761: never resolves; never asked
# Contracts by revision: a revision never changes, and reading a large document takes a second.
_read: dict[str, Contract] = {}


def sandbox_apis(environment_id: str, apis: Iterable[rows.APIRow], database: str) -> tuple[rows.APIRow, ...]:
    """The twins of apis. Shapes: only of public APIs, and only versions whose document can be read."""
    contracts = _contracts(environment_id, database)
    made = []
    for api in apis:
        twins = tuple(
            _twin(version, contract)
            for version in api.versions
            if (contract := contracts.get(version.id)) is not None and contract.operations
        )
        if twins:
            made.append(replace(api, id=sandbox.twin_id(api.id), name=sandbox.path_name(api.name), versions=twins))
    return tuple(made)


def sandbox_product(apis: Iterable[rows.APIRow]) -> rows.ProductRow:
    """What a sandbox key opens: every twin."""
    items = sorted(version.id for api in apis for version in api.versions)
    return rows.ProductRow(sandbox.PRODUCT_ID, "sandbox", tuple(map(rows.ProductItemRow, items)))


def sandbox_plan() -> rows.PlanVersionRow:
    """What a sandbox key may do: enough to learn with, too little to build on."""
    rate = rows.RateRow(sandbox.CALLS_A_SECOND, 1, sandbox.BURST)
    quotas = (rows.QuotaRow(sandbox.CALLS_A_DAY, "day"),)
    return rows.PlanVersionRow(sandbox.PLAN_ID, "sandbox", 1, rate, quotas)


def sandboxed(versions: QuerySet[APIVersion]) -> QuerySet[APIVersion]:
    """Those of versions that a sandbox has a twin of, as far as their rows tell."""
    return versions.filter(state__in=APIVersion.CALLABLE, api__visibility=API.Visibility.PUBLIC)


def _contracts(environment_id: str, database: str) -> dict[str, Contract]:
    """What documents say, by version."""
    found = (
        Deployment.objects.using(database)
        .filter(
            environment_id=environment_id,
            version__in=sandboxed(APIVersion.objects.using(database)),
            revision__passthrough__isnull=True,
        )
        .exclude(revision__document="")
    )
    revisions = dict(found.values_list("version_id", "revision_id"))
    unread = set(revisions.values()) - _read.keys()
    documents = Revision.objects.using(database).filter(id__in=unread).values_list("id", "document")
    _read.update({revision_id: contract_of(document) for revision_id, document in documents})
    for revision_id in _read.keys() - set(revisions.values()):  # replaced since
        del _read[revision_id]
    return {version_id: _read[revision_id] for version_id, revision_id in revisions.items() if revision_id in _read}


def _twin(version: rows.VersionRow, contract: Contract) -> rows.VersionRow:
    answered = {name for name, operation in contract.operations if operation.answers}
    kept = tuple(policy for policy in version.policies if policy.kind in _KEPT_KINDS)
    return replace(
        version,
        id=sandbox.twin_id(version.id),
        operations=tuple(each for each in version.operations if f"{each.method} {each.path}" in answered),
        upstream=_NOWHERE,
        policies=(*kept, rows.PolicyRow("mock", {})),
        contract=contract,
        composites={},
        successor="",
    )
