"""APIs as rows: what is deployed in an environment, and of each version the revision that runs.

Owns: the two steps of reading them. Which revisions run, in which state, is read each time and is little; what a
revision holds is read of those that are not remembered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apim.catalog.contracts import contract_of
from apim.catalog.models import APIVersion, Deployment, Revision
from apim.gateways.models import Environment
from gateway_sync import rows
from gateway_sync.delivery.json_fields import mapping, mappings, text, texts
from gateway_sync.delivery.remembered import Remembered
from gateway_sync.delivery.upstreams import upstream_row
from gateway_sync.policies import DESCRIPTIONS
from gateway_sync.policies.contracts import Contract

_SERVED_STATES = (APIVersion.State.PUBLISHED, APIVersion.State.DEPRECATED, APIVersion.State.RETIRED)
_PLACED = (
    "version_id", "arm_weights", "version__name", "version__state", "version__deprecated_at", "version__sunset_at",
    "version__successor__name", "version__api_id", "version__api__name", "version__api__organization_id",
    "version__api__key_header", "revision_id", "revision__digest",
)  # fmt: skip
_HELD = ("id", "number", "operations", "passthrough", "base_path", "upstream", "policies", "composites")
_MOST_NAMED = 200  # revisions in one question; beyond, all that run are asked for

Found = Mapping[str, Any]


def deployments(environment: Environment, database: str) -> QuerySet[Deployment, dict[str, Any]]:
    """What gateways of the environment serve, without what revisions hold."""
    found: QuerySet[Deployment, dict[str, Any]] = (
        Deployment.objects.using(database)
        .filter(environment=environment, version__state__in=_SERVED_STATES, version__api__archived_at=None)
        .order_by("version__api_id", "version_id")
        .values(*_PLACED)
    )
    return found


def held_by(revision: Revision) -> Found:
    """What a revision holds, as if it had been read here."""
    return {name: getattr(revision, name) for name in _HELD}


def read_revisions(environment: Environment, placed: Sequence[Found], database: str) -> dict[str, Found]:
    """What the revisions of deployments hold, by id."""
    ids = [each["revision_id"] for each in placed]
    if not ids:
        return {}
    running = Deployment.objects.using(database).filter(environment=environment).values("revision_id")
    found = Revision.objects.using(database).filter(id__in=ids if len(ids) <= _MOST_NAMED else running)
    return {held["id"]: held for held in found.values(*_HELD)}


def collected_apis(environment: Environment, database: str, memory: Remembered) -> tuple[rows.APIRow, ...]:
    """The APIs of an environment; versions that are remembered as they are now are not read."""
    placed = list(deployments(environment, database))
    shared = policy_rows(environment.policies)
    makings = {each["version_id"]: repr((each, shared, settings.BASE_URL)) for each in placed}
    known = {
        version_id: made[1]
        for version_id, making in makings.items()
        if (made := memory.versions.get(version_id)) is not None and made[0] == making
    }
    missing = [each for each in placed if each["version_id"] not in known]
    known |= version_rows(missing, read_revisions(environment, missing, database), shared, database)
    memory.versions = {version_id: (makings[version_id], row) for version_id, row in known.items()}
    return api_rows(placed, known)


def api_rows(placed: Iterable[Found], versions: Mapping[str, rows.VersionRow]) -> tuple[rows.APIRow, ...]:
    """The APIs of deployments with their versions, which are given by id."""
    by_api: defaultdict[tuple[str, str, str, str], list[rows.VersionRow]] = defaultdict(list)
    for each in placed:
        api = (
            each["version__api_id"],
            each["version__api__name"],
            each["version__api__organization_id"],
            each["version__api__key_header"],
        )
        by_api[api].append(versions[each["version_id"]])
    return tuple(rows.APIRow(*api, versions=tuple(of_api)) for api, of_api in by_api.items())


def version_rows(
    placed: Iterable[Found], held: Mapping[str, Found], shared: tuple[rows.PolicyRow, ...], database: str
) -> dict[str, rows.VersionRow]:
    """The versions of deployments, by id. Shapes: held is what their revisions hold, shared the environment's."""
    contracts = _contracts(held, shared, database)
    return {
        each["version_id"]: _version_row(each, held[each["revision_id"]], contracts.get(each["revision_id"]))
        for each in placed
    }


def policy_rows(policies: object) -> tuple[rows.PolicyRow, ...]:
    """The policies; what cannot be read becomes one without a kind, so that it is told and never passed over."""
    if not isinstance(policies, list):
        return (rows.PolicyRow("", {}),)
    return tuple(
        rows.PolicyRow(kind, policy_settings)
        for policy in policies
        for kind, policy_settings in (mapping(policy) or {"": {}}).items()
    )


def _contracts(held: Mapping[str, Found], shared: tuple[rows.PolicyRow, ...], database: str) -> dict[str, Contract]:
    """The contracts of the revisions whose policies ask for one, by revision."""
    asking = {kind for kind, description in DESCRIPTIONS.items() if description.contract}
    is_for_all = any(policy.kind in asking for policy in shared)
    ids = [
        revision_id
        for revision_id, each in held.items()
        if is_for_all or any(policy.kind in asking for policy in policy_rows(each["policies"]))
    ]
    documents = Revision.objects.using(database).filter(id__in=ids).exclude(document="").values_list("id", "document")
    return {revision_id: contract_of(document) for revision_id, document in documents}


def _version_row(placed: Found, held: Found, contract: Contract | None) -> rows.VersionRow:
    passthrough = mapping(held["passthrough"])
    return rows.VersionRow(
        id=placed["version_id"],
        name=placed["version__name"],
        state=placed["version__state"],
        revision=held["number"],
        operations=tuple(
            rows.OperationRow(text(operation.get("method")), text(operation.get("path")))
            for operation in mappings(held["operations"])
        ),
        passthrough_methods=texts(passthrough.get("methods")),
        passthrough_prefix=text(passthrough.get("prefix")),
        base_path=held["base_path"],
        upstream=upstream_row(mapping(held["upstream"]), placed["arm_weights"]),
        policies=policy_rows(held["policies"]),
        composites=mapping(held["composites"]),
        deprecated_at=_seconds(placed["version__deprecated_at"]),
        sunset_at=_seconds(placed["version__sunset_at"]),
        successor=placed["version__successor__name"] or "",
        documentation_url=f"{settings.BASE_URL}/apis/{placed['version__api__name']}/{placed['version__name']}",
        contract=contract,
    )


def _seconds(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0
