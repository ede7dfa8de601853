"""Collecting: one environment as rows, read in one transaction that neither blocks writers nor sees half of a change.

Owns: the queries, whose number does not depend on how much there is, and the change of JSON fields into typed rows.
Must not know: what is made of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.db import transaction

from apim.catalog.models import APIVersion, Revision
from apim.gateways.certificates import private_key_of
from apim.gateways.models import Certificate, Environment, Host
from apim.gateways.sandbox import twin_id
from gateway_sync import rows
from gateway_sync.delivery.apis import (
    api_rows,
    collected_apis,
    deployments,
    held_by,
    policy_rows,
    read_revisions,
    version_rows,
)
from gateway_sync.delivery.groups import Grouping, grouping_of, grouping_of_held
from gateway_sync.delivery.issuers import issuer_keys_rows, issuer_rows
from gateway_sync.delivery.json_fields import texts
from gateway_sync.delivery.limits import sharing_gateways
from gateway_sync.delivery.models import Pin, Publication
from gateway_sync.delivery.offers import plan_rows, product_rows
from gateway_sync.delivery.remembered import Remembered
from gateway_sync.delivery.sandbox import sandbox_apis, sandbox_plan, sandbox_product
from gateway_sync.runtime.sealing import seal

DATABASE = "collect"  # the alias whose transactions are repeatable reads


@dataclass(frozen=True, slots=True)
class Collected:
    """What one transaction saw.

    Shapes: revision and published_revision are the environment's counters; last is the newest publication, last_good
    the fragments by name of the newest that all gateways were sent. pin is where the environment is held, pinned the
    fragments of that by name, blocked the versions that nobody may be served; both are empty where it is not held.
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


def collect(environment_id: str, memory: Remembered | None = None) -> Collected:
    """One state of the environment, and what of it is in force. Shapes: memory saves reading and changes nothing."""
    memory = memory or Remembered()
    with transaction.atomic(using=DATABASE):
        environment = Environment.objects.using(DATABASE).select_related("pin").get(id=environment_id)
        pin: Pin | None = getattr(environment, "pin", None)
        last = Publication.objects.using(DATABASE).filter(environment_id=environment_id).first()
        grouping = grouping_of(environment_id, DATABASE)
        sound = last if last is None or last.stage == Publication.Stage.ALL else _sent_to_all(environment_id)
        in_force: Mapping[str, str] = sound.manifest["fragments"] if sound else {}
        held: Mapping[str, str] = pin.fragments if pin else {}
        known = memory.texts((*in_force.values(), *held.values()), DATABASE)
        return Collected(
            environment=environment.name,
            revision=environment.revision,
            published_revision=environment.published_revision,
            rows=_rows(environment, memory),
            last=last,
            last_good=_named(in_force, known),
            pin=pin,
            pinned=_named(held, known),
            blocked=blocked_versions(DATABASE) if pin else frozenset(),
            grouping=grouping_of_held(environment_id, pin.revision, grouping, DATABASE) if pin else grouping,
        )


def rows_of_versions(
    environment: Environment, version_ids: Collection[str], instead: Collection[Revision], database: str
) -> rows.Rows:
    """The environment as if it held these versions alone, and as if these revisions ran in place of those that do.

    Shapes: versions that do not run there are left out, and so are names, certificates and sealed keys.
    """
    placed = list(deployments(environment, database).filter(version_id__in=version_ids))
    held = read_revisions(environment, placed, database)
    others = {revision.version_id: revision for revision in instead}
    for number, each in enumerate(placed):
        if (revision := others.get(each["version_id"])) is not None:
            placed[number] = each | {"revision_id": revision.id}
            held = {**held, revision.id: held_by(revision)}
    apis = api_rows(placed, version_rows(placed, held, policy_rows(environment.policies), database))
    return rows.Rows(
        _environment_row(environment, database), apis, product_rows(database), plan_rows(environment.id, database)
    )


def _rows(environment: Environment, memory: Remembered) -> rows.Rows:
    apis, products = collected_apis(environment, DATABASE, memory), product_rows(DATABASE)
    plans = plan_rows(environment.id, DATABASE)
    if environment.has_sandbox:
        twins = sandbox_apis(environment.id, apis, DATABASE)
        apis, products, plans = (*apis, *twins), (*products, sandbox_product(twins)), (*plans, sandbox_plan())
    row = replace(
        _environment_row(environment, DATABASE),
        certificates=certificate_rows(environment.id, DATABASE),
        hosts=_host_rows(environment.id),
    )
    return rows.Rows(row, apis, products, plans)


def _sent_to_all(environment_id: str) -> Publication | None:
    """The last one that was not only tried: what a trial took back, or is trying, is no good form of anything."""
    tried = Publication.objects.using(DATABASE).filter(environment_id=environment_id)
    return tried.filter(stage=Publication.Stage.ALL).first()


def blocked_versions(database: str) -> frozenset[str]:
    """The versions that nobody may be served, and their forms in the sandbox."""
    found = APIVersion.objects.using(database).filter(state=APIVersion.State.BLOCKED).values_list("id", flat=True)
    ids = set(found)
    return frozenset(ids | {twin_id(each) for each in ids})


def _named(digests: Mapping[str, str], texts_by_digest: Mapping[str, str]) -> dict[str, str]:
    """The fragments by name that are still known."""
    return {name: texts_by_digest[digest] for name, digest in digests.items() if digest in texts_by_digest}


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
        policies=policy_rows(environment.policies),
        allow_unverified_upstreams=environment.allow_unverified_upstreams,
        portal_url=settings.BASE_URL,
        issuer_keys=issuer_keys_rows(database),
        issuers=issuer_rows(environment.id, database),
        gateways=sharing_gateways(environment, database),
        max_revocation_age_s=environment.max_revocation_age_s,
    )


def certificate_rows(environment_id: str, database: str) -> tuple[rows.CertificateRow, ...]:
    """The certificates, their keys sealed for the environment's gateways alone."""
    sealing_key = settings.KEYRING.gateway_sealing_key(environment_id)
    found = Certificate.objects.using(database).filter(environment_id=environment_id).order_by("id")
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
