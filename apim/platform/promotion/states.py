"""What an environment has, item by item, as values that can be compared: the same few queries however much it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from apim.catalog.models import Deployment
from apim.gateways.hosts import FIELDS as HOST_FIELDS
from apim.gateways.models import Certificate, Environment, Host, Issuer
from apim.products.models import Ceiling

Key = tuple[str, str]

KINDS: Final = ("version", "policy", "limits", "ceiling", "issuer", "certificate", "host")
LIMITS: Final = ("address_rate_per_s", "address_burst")
ISSUER_FIELDS: Final = ("issuer", "jwks", "jwks_url", "client_claim", "is_for_all")


@dataclass(frozen=True, slots=True)
class Item:
    """Something that an environment has. Shapes: state is JSON; row is what it was read from, None for parts."""

    kind: str
    key: str
    label: str
    state: Mapping[str, Any]
    row: Any = field(default=None, compare=False)


def items_of(environment: Environment) -> dict[Key, Item]:
    """Everything of the environment that another one may have as well, by kind and key."""
    found = [
        *_versions(environment),
        *_policies(environment),
        Item("limits", "addresses", str(environment), {name: getattr(environment, name) for name in LIMITS}),
        *_ceiling(environment),
        *_issuers(environment),
        *_certificates(environment),
        *_hosts(environment),
    ]
    return {(item.kind, item.key): item for item in found}


def _versions(environment: Environment) -> list[Item]:
    rows = Deployment.objects.filter(environment=environment).select_related("revision", "version__api__organization")
    rows = rows.order_by("version__api__name", "version__name")
    return [
        Item("version", f"{row.version.api.name}/{row.version.name}", str(row.version), _state_of(row), row)
        for row in rows
    ]


def _state_of(deployment: Deployment) -> dict[str, Any]:
    revision = deployment.revision
    targets = revision.upstream.get("targets", []) if isinstance(revision.upstream, Mapping) else []
    return {
        "revision": revision.number,
        "operations": len(revision.operations),
        "targets": [str(target.get("url", "")) for target in targets],
        "policies": sorted(name for policy in revision.policies for name in policy),
    }


def _policies(environment: Environment) -> list[Item]:
    return [
        Item("policy", kind, kind, {"settings": settings})
        for policy in environment.policies
        for kind, settings in policy.items()
    ]


def _ceiling(environment: Environment) -> list[Item]:
    row = Ceiling.objects.filter(environment=environment).first()
    if row is None:
        return []
    return [Item("ceiling", "ceiling", str(environment), {name: getattr(row, name) for name in Ceiling.LIMITS}, row)]


def _issuers(environment: Environment) -> list[Item]:
    rows = Issuer.objects.filter(environment=environment).prefetch_related("organizations")
    return [
        Item(
            "issuer",
            row.name,
            row.name,
            {name: getattr(row, name) for name in ISSUER_FIELDS}
            | {"organizations": sorted(each.name for each in row.organizations.all())},
            row,
        )
        for row in rows
    ]


def _certificates(environment: Environment) -> list[Item]:
    rows = Certificate.objects.filter(environment=environment).select_related("organization")
    return [
        Item(
            "certificate",
            row.name,
            row.name,
            {"hosts": row.hosts, "organization": row.organization.name if row.organization else ""},
            row,
        )
        for row in rows
    ]


def _hosts(environment: Environment) -> list[Item]:
    rows = Host.objects.filter(environment=environment)
    return [Item("host", row.name, row.name, {name: getattr(row, name) for name in HOST_FIELDS}, row) for row in rows]
