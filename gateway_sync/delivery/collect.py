"""Collecting: one environment as rows, read in one transaction that neither blocks writers nor sees half of a change.

Owns: the queries, whose number does not depend on how much there is, and the change of JSON fields into typed rows.
Must not know: what is made of rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from apim.catalog.contracts import contract_of
from apim.catalog.models import APIVersion, Deployment, Revision
from apim.gateways.certificates import private_key_of
from apim.gateways.models import Certificate, Environment, Host
from apim.gateways.sandbox import twin_id
from gateway_sync import rows
from gateway_sync.delivery.groups import Grouping, grouping_of, grouping_of_held
from gateway_sync.delivery.issuers import issuer_keys_rows, issuer_rows
from gateway_sync.delivery.json_fields import mapping, mappings, text, texts
from gateway_sync.delivery.limits import sharing_gateways
from gateway_sync.delivery.models import Fragment, Pin, Publication
from gateway_sync.delivery.offers import plan_rows, product_rows
from gateway_sync.delivery.sandbox import sandbox_apis, sandbox_plan, sandbox_product
from gateway_sync.delivery.upstreams import upstream_row
from gateway_sync.policies import DESCRIPTIONS
from gateway_sync.policies.contracts import Contract
from gateway_sync.runtime.sealing import seal

DATABASE = "collect"  # the alias whose transactions are repeatable reads
_SERVED_STATES = (APIVersion.State.PUBLISHED, APIVersion.State.DEPRECATED, APIVersion.State.RETIRED)
_OF_REVISIONS = ("number", "operations", "passthrough", "base_path", "upstream", "policies", "composites")


@dataclass(frozen=True, slots=True)
class Collected:
    """What one transaction saw.

    Shapes: revision and published_revision are the environment's counters; last is the publication in force and
    last_good its fragments by name. pin is where the environment is held, pinned the fragments of that by name, blocked
    the versions that nobody may be served; both are empty where it is not held.
    """

    environment: str
    revision: int
    published_revision: int
    rows: rows.Rows
    last: Publication | None
    last_good: Mapping[str, str]
    pin: Pin | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    grouping: Grouping = field(default_factory=Grouping)


def collect(environment_id: str) -> Collected:
    """One state of the environment, and what of it is in force."""
    with transaction.atomic(using=DATABASE):
        environment = Environment.objects.using(DATABASE).select_related("pin").get(id=environment_id)
        pin: Pin | None = getattr(environment, "pin", None)
        last = Publication.objects.using(DATABASE).filter(environment_id=environment_id).first()
        grouping = grouping_of(environment_id, DATABASE)
        return Collected(
            environment=environment.name,
            revision=environment.revision,
            published_revision=environment.published_revision,
            rows=_rows(environment),
            last=last,
            last_good=_texts(last.manifest["fragments"] if last else {}),
            pin=pin,
            pinned=_texts(pin.fragments) if pin else {},
            blocked=_blocked() if pin else frozenset(),
            grouping=grouping_of_held(environment_id, pin.revision, grouping, DATABASE) if pin else grouping,
        )


def rows_of_version(environment: Environment, version_id: str, revision: Revision | None, database: str) -> rows.Rows:
    """The environment as if it held this version alone, and as if the revision ran; None = the one that runs.

    Shapes: without APIs where the version does not run. Names, certificates and sealed keys are left out.
    """
    found = list(_deployments(environment, database).filter(version_id=version_id))
    if revision is not None:
        other = {f"revision__{name}": getattr(revision, name) for name in _OF_REVISIONS}
        found = [each | other | {"revision_id": revision.id} for each in found]
    apis = _api_rows(environment, found, database)
    return rows.Rows(
        _environment_row(environment, database), apis, product_rows(database), plan_rows(environment.id, database)
    )


def _rows(environment: Environment) -> rows.Rows:
    deployments = _deployments(environment, DATABASE)
    apis, products = _api_rows(environment, deployments, DATABASE), product_rows(DATABASE)
    plans = plan_rows(environment.id, DATABASE)
    if environment.has_sandbox:
        twins = sandbox_apis(environment.id, apis, DATABASE)
        apis, products, plans = (*apis, *twins), (*products, sandbox_product(twins)), (*plans, sandbox_plan())
    row = replace(
        _environment_row(environment, DATABASE),
        certificates=_certificate_rows(environment.id),
        hosts=_host_rows(environment.id),
    )
    return rows.Rows(row, apis, products, plans)


def _blocked() -> frozenset[str]:
    """The versions that nobody may be served, and their forms in the sandbox."""
    found = APIVersion.objects.using(DATABASE).filter(state=APIVersion.State.BLOCKED).values_list("id", flat=True)
    ids = set(found)
    return frozenset(ids | {twin_id(each) for each in ids})


def _texts(digests: Mapping[str, str]) -> dict[str, str]:
    """The fragments by name that are still known."""
    found = Fragment.objects.using(DATABASE).filter(digest__in=set(digests.values()))
    bodies = dict(found.values_list("digest", "body"))
    return {name: bodies[digest] for name, digest in digests.items() if digest in bodies}


def _environment_row(environment: Environment, database: str) -> rows.EnvironmentRow:
    """The environment's own settings, without what its edge needs."""
    return rows.EnvironmentRow(
        id=environment.id,
        name=environment.name,
        allowed_networks=texts(environment.allowed_networks),
        allow_public_networks=environment.allow_public_networks,
        forbidden_addresses=tuple(settings.FORBIDDEN_UPSTREAMS),
        address_rate_per_s=environment.address_rate_per_s,
        address_burst=environment.address_burst,
        policies=_policy_rows(environment.policies),
        allow_unverified_upstreams=environment.allow_unverified_upstreams,
        portal_url=settings.BASE_URL,
        issuer_keys=issuer_keys_rows(database),
        issuers=issuer_rows(environment.id, database),
        gateways=sharing_gateways(environment, database),
    )


def _certificate_rows(environment_id: str) -> tuple[rows.CertificateRow, ...]:
    """The certificates, their keys sealed for the environment's gateways alone."""
    sealing_key = settings.KEYRING.gateway_sealing_key(environment_id)
    found = Certificate.objects.using(DATABASE).filter(environment_id=environment_id).order_by("id")
    return tuple(
        rows.CertificateRow(
            id=one.id,
            name=one.name,
            organization_id=one.organization_id or "",
            chain=one.chain,
            sealed_key=seal(sealing_key, private_key_of(one), one.id),
            hosts=texts(one.hosts),
        )
        for one in found
    )


def _host_rows(environment_id: str) -> tuple[rows.HostRow, ...]:
    fields = (
        "id",
        "name",
        "api",
        "version",
        "base_path",
        "is_redirected_to_https",
        "hsts_max_age_s",
        "client_certificates",
        "client_ca",
    )
    found = Host.objects.using(DATABASE).filter(environment_id=environment_id).order_by("id")
    named = found.values_list(*fields, "order__token", "order__answer")
    return tuple(rows.HostRow(*[*one, (token, answer) if token else ()]) for *one, token, answer in named)


def _deployments(environment: Environment, database: str) -> QuerySet[Deployment, dict[str, Any]]:
    """What gateways of the environment serve."""
    found: QuerySet[Deployment, dict[str, Any]] = (
        Deployment.objects.using(database)
        .filter(environment=environment, version__state__in=_SERVED_STATES, version__api__archived_at=None)
        .order_by("version__api_id", "version_id")
        .values(
            "version_id",
            "arm_weights",
            "version__name",
            "version__state",
            "version__deprecated_at",
            "version__sunset_at",
            "version__successor__name",
            "version__api_id",
            "version__api__name",
            "version__api__organization_id",
            "version__api__key_header",
            "revision_id",
            *(f"revision__{name}" for name in _OF_REVISIONS),
        )
    )
    return found


def _api_rows(
    environment: Environment, deployments: Iterable[Mapping[str, Any]], database: str
) -> tuple[rows.APIRow, ...]:
    contracts = _contracts(deployments, _policy_rows(environment.policies), database)
    by_api: defaultdict[tuple[str, str, str, str], list[rows.VersionRow]] = defaultdict(list)
    for found in deployments:
        api = (
            found["version__api_id"],
            found["version__api__name"],
            found["version__api__organization_id"],
            found["version__api__key_header"],
        )
        by_api[api].append(_version_row(found, contracts.get(found["revision_id"])))
    return tuple(rows.APIRow(*api, versions=tuple(versions)) for api, versions in by_api.items())


def _contracts(
    deployments: Iterable[Mapping[str, Any]], shared: tuple[rows.PolicyRow, ...], database: str
) -> dict[str, Contract]:
    """The contracts of the revisions whose policies ask for one, by revision."""
    asking = {kind for kind, description in DESCRIPTIONS.items() if description.contract}
    is_for_all = any(policy.kind in asking for policy in shared)
    ids = [
        found["revision_id"]
        for found in deployments
        if is_for_all or any(policy.kind in asking for policy in _policy_rows(found["revision__policies"]))
    ]
    documents = Revision.objects.using(database).filter(id__in=ids).exclude(document="").values_list("id", "document")
    return {revision_id: contract_of(document) for revision_id, document in documents}


def _version_row(found: Mapping[str, Any], contract: Contract | None) -> rows.VersionRow:
    passthrough = mapping(found["revision__passthrough"])
    return rows.VersionRow(
        id=found["version_id"],
        name=found["version__name"],
        state=found["version__state"],
        revision=found["revision__number"],
        operations=tuple(
            rows.OperationRow(text(operation.get("method")), text(operation.get("path")))
            for operation in mappings(found["revision__operations"])
        ),
        passthrough_methods=texts(passthrough.get("methods")),
        passthrough_prefix=text(passthrough.get("prefix")),
        base_path=found["revision__base_path"],
        upstream=upstream_row(mapping(found["revision__upstream"]), found["arm_weights"]),
        policies=_policy_rows(found["revision__policies"]),
        composites=mapping(found["revision__composites"]),
        deprecated_at=_seconds(found["version__deprecated_at"]),
        sunset_at=_seconds(found["version__sunset_at"]),
        successor=found["version__successor__name"] or "",
        documentation_url=f"{settings.BASE_URL}/apis/{found['version__api__name']}/{found['version__name']}",
        contract=contract,
    )


def _policy_rows(policies: object) -> tuple[rows.PolicyRow, ...]:
    """The policies; what cannot be read becomes one without a kind, so that it is told and never passed over."""
    if not isinstance(policies, list):
        return (rows.PolicyRow("", {}),)
    return tuple(
        rows.PolicyRow(kind, policy_settings)
        for policy in policies
        for kind, policy_settings in (mapping(policy) or {"": {}}).items()
    )


def _seconds(moment: datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0
