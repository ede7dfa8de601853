"""Stating: the state of an environment as if a revision ran there alone, and a caller who exists nowhere else."""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.db.models import Q

from apim.access.keys import new_key
from apim.catalog.models import APIVersion
from apim.products.models import PlanVersion, ProductPlan
from gateway_sync import rows
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.apis import api_rows, deployments, held_by, policy_rows, read_revisions, version_rows
from gateway_sync.delivery.collect import certificate_rows, rows_of_versions
from gateway_sync.policies import tracing
from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.rehearsal import Rehearsal

if TYPE_CHECKING:
    from typing import Any

    from django.db.models import QuerySet

    from apim.catalog.models import Revision
    from apim.gateways.models import Environment
    from apim.products.models import Plan
    from gateway_sync.problems import Problem

_DATABASE: Final = "default"
_EVERYTHING: Final = "prd_candidate"  # opens the version to a plan that no product of it offers
_CALLER: Final = {"organization": "org_candidate", "application": "app_candidate"}
_CREDENTIAL, _SUBSCRIPTION = "crd_candidate", "sub_candidate"


@dataclass(frozen=True, slots=True)
class As:
    """Who calls.

    Shapes: ids of the plan's version, "" = nobody, who has no key, and of the product that opens the version, "" = all
    of it is open. Names are for people.
    """

    plan_version: str = ""
    product: str = ""
    plan_name: str = ""
    product_name: str = ""

    @property
    def choice(self) -> str:
        """How a form names it."""
        return f"{self.product}:{self.plan_version}" if self.plan_version else "nobody"


NOBODY: Final = As()


@dataclass(frozen=True, slots=True)
class Stated:
    """What a candidate is given. Shapes: key is the caller's, "" = none; is_there False = no gateway would serve it."""

    fragments: dict[str, str]
    access: list[tuple[bytes, bytes]]
    pepper: str
    sealing_key: str
    key: str
    problems: tuple[Problem, ...]
    is_there: bool


def callers_of(version: APIVersion, plans: QuerySet[Plan]) -> list[As]:
    """Whom the version can be tried as: subscribers of the products that have it, then of these plans, for all of it.

    A fixed number of queries.
    """
    terms = PlanVersion.objects.filter(state=PlanVersion.State.ACTIVE, plan__archived_at=None)
    offers = ProductPlan.objects.filter(product__items__version=version, product__archived_at=None)
    offered = list(offers.select_related("product", "plan").order_by("product__name", "position", "plan__name"))
    wanted = Q(plan__in=plans) | Q(plan__in=[offer.plan_id for offer in offered])
    active = {each.plan_id: each for each in terms.filter(wanted).select_related("plan").order_by("plan__name")}
    known = {offer.plan_id for offer in offered}
    return [
        *(
            As(active[offer.plan_id].id, offer.product_id, str(offer.plan), str(offer.product))
            for offer in offered
            if offer.plan_id in active
        ),
        *(As(each.id, "", str(each.plan)) for each in active.values() if each.plan_id not in known),
    ]


def state_of(environment: Environment, revision: Revision, caller: As) -> Stated:
    """The environment as if the revision ran there, compiled and loaded as for a publication; with what it calls."""
    sealing_key: bytes = settings.KEYRING.gateway_sealing_key(environment.id)
    compiled = compile_snapshot(_rows(environment, revision, caller), {}, None, Rehearsal(sealing_key))
    served = {version.id for api in compiled.snapshot.apis for version in api.versions}
    pepper = secrets.token_bytes(32)
    key = new_key("trial") if caller.plan_version else ""
    return Stated(
        fragments={name: content.decode() for name, content in compiled.fragments.items()},
        access=_access(caller, hmac.digest(pepper, key.encode(), "sha256").hex()) if key else [],
        pepper=pepper.hex(),
        sealing_key=sealing_key.hex(),
        key=key,
        problems=tuple(each for each in compiled.problems if each.where.id in {revision.version_id, environment.id}),
        is_there=revision.version_id in served,
    )


def _rows(environment: Environment, revision: Revision, caller: As) -> rows.Rows:
    """The rows. Shapes: other versions only for composites, which call them; one gateway; each call is explained."""
    others = list(deployments(environment, _DATABASE)) if revision.composites else []
    placed = [_placed(environment, revision), *(one for one in others if one["version_id"] != revision.version_id)]
    held = {**read_revisions(environment, placed[1:], _DATABASE), revision.id: held_by(revision)}
    shared = policy_rows(environment.policies)
    base = rows_of_versions(environment, (), (), _DATABASE)
    row = replace(
        base.environment,
        certificates=certificate_rows(environment.id, _DATABASE),
        policies=(*(each for each in shared if each.kind != tracing.KIND), rows.PolicyRow(tracing.KIND, {"oneIn": 0})),
        gateways=0,
        max_revocation_age_s=0,
    )
    opened = (rows.ProductItemRow(revision.version_id),)
    products = [each for each in base.products if each.id == caller.product]
    return rows.Rows(
        row,
        api_rows(placed, version_rows(placed, held, shared, _DATABASE)),
        tuple(products or [rows.ProductRow(_EVERYTHING, "candidate", opened)]),
        tuple(plan for plan in base.plans if plan.id == caller.plan_version),
    )


def _placed(environment: Environment, revision: Revision) -> dict[str, Any]:
    """The revision as it would be deployed; a version that nobody may call yet as a published one."""
    version = revision.version
    deployment = version.deployments.filter(environment=environment).first()
    is_callable = version.state in APIVersion.CALLABLE
    return {
        "version_id": version.id,
        "arm_weights": deployment.arm_weights if deployment else {},
        "version__name": version.name,
        "version__state": version.state if is_callable else APIVersion.State.PUBLISHED,
        "version__deprecated_at": version.deprecated_at,
        "version__sunset_at": version.sunset_at,
        "version__successor__name": version.successor.name if version.successor else "",
        "version__api_id": version.api_id,
        "version__api__name": version.api.name,
        "version__api__organization_id": version.api.organization_id,
        "version__api__key_header": version.api.key_header,
        "revision_id": revision.id,
        "revision__digest": revision.digest,
    }


def _access(caller: As, key_hash: str) -> list[tuple[bytes, bytes]]:
    """An application with a key and a subscription, which are there for this call alone."""
    now_s = int(time.time())
    subscription = {
        "organization": _CALLER["organization"],
        "product": caller.product or _EVERYTHING,
        "plan": caller.plan_version,
        "lifecycle": "active",
        "payment": "none",
        "applications": [_CALLER["application"]],
        "created_at": now_s,
        "ends_at": 0,
    }
    credential = {"id": _CREDENTIAL, **_CALLER, "product": "", "state": "active", "expires_at": 0}
    application = {"organization": _CALLER["organization"], "state": "active", "name": "trial"}
    records = (
        ("organization", _CALLER["organization"], {"state": "active"}),
        ("application", _CALLER["application"], application),
        ("subscription", _SUBSCRIPTION, subscription),
        ("credential", key_hash, credential),
    )
    return [(name, body) for name, body in encode_records(records) if body is not None]
