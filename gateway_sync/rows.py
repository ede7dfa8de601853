"""Rows: a frozen copy of what the database says about one environment; the compiler's only input.

Owns: the shapes. Must not know: Django, how rows are read, what is made of them.
All collections are tuples sorted by id, so that equal states give equal rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_sync.policies.contracts import Contract

Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A policy as its owner wrote it; `settings` is unchecked."""

    kind: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class OperationRow:
    """One method and path template (`/accounts/{id}`) of a contract."""

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One address of an upstream, and its share of the traffic."""

    url: str
    weight: int = 100
    priority: int = 0
    arm: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamRow:
    """Where a version's requests go.

    Shapes: settings are the groups that the owner gave, unchecked; arm_weights are those that hold for the deployment
    now, over those of the settings.
    """

    targets: tuple[TargetRow, ...]
    timeout_s: float = 30.0
    settings: Settings = field(default_factory=dict)
    arm_weights: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A deployed version: its state now, and the revision that runs.

    Shapes: state is published, deprecated or retired; operations is empty when passthrough_methods is not.
    Units: deprecated_at and sunset_at in seconds since the epoch, 0 = not set.
    """

    id: str
    name: str
    state: str
    revision: int
    operations: tuple[OperationRow, ...]
    passthrough_methods: tuple[str, ...]
    passthrough_prefix: str
    base_path: str
    upstream: UpstreamRow
    policies: tuple[PolicyRow, ...]
    deprecated_at: int = 0
    sunset_at: int = 0
    successor: str = ""  # name of the successor version of the same API
    documentation_url: str = ""
    contract: Contract | None = None  # of its document, when it has one and a policy asks for it
    composites: Mapping[str, object] = field(default_factory=dict)  # by operation, as written, unchecked


@dataclass(frozen=True, slots=True)
class APIRow:
    """An API and its versions deployed in the environment."""

    id: str
    name: str
    organization_id: str
    key_header: str
    versions: tuple[VersionRow, ...]


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """requests per window; per is hour, day, month, or period for that of billing.

    Shapes: on_exceed is block, bill or warn; only block refuses. unit is what requests counts: calls, units or bytes;
    window is calendar, or anchored for what is counted from the subscription's own beginning.
    """

    requests: int
    per: str
    on_exceed: str = "block"
    unit: str = "calls"
    window: str = "calendar"


# What a meter's filter asks of calls: (method, operation, status or status_class; a comparison; what with).
Conditions = tuple[tuple[str, str, str | int], ...]


@dataclass(frozen=True, slots=True)
class CapRow:
    """How much of a meter a billing period admits: hard at most, soft without charge; 0 = as much as one likes.

    Shapes: source is requests, bytes, request-bytes or response-bytes; weights are by patterns, the first that fits
    holds; where is what a call must meet to count.
    """

    meter: str
    hard: int = 0
    soft: int = 0
    source: str = "requests"
    weights: tuple[tuple[str, int], ...] = ()
    where: Conditions = ()


@dataclass(frozen=True, slots=True)
class RateRow:
    """requests each per_s seconds, with a bucket of burst."""

    requests: int
    per_s: int
    burst: int


@dataclass(frozen=True, slots=True)
class PlanVersionRow:
    """Terms that live subscriptions refer to."""

    id: str
    plan: str  # the plan's name
    number: int
    rate: RateRow | None
    quotas: tuple[QuotaRow, ...]
    timezone: str = "UTC"
    interval: str = "month"  # of billing: day, week, month, quarter or year
    is_postpaid: bool = False  # what is used is paid for afterwards
    weights: Mapping[str, int] = field(default_factory=dict)  # what a call costs in units, by patterns of operations
    is_sharing: bool = False  # what cannot be confirmed passes in part
    caps: tuple[CapRow, ...] = ()  # of meters
    is_served_unrecorded: bool = False  # calls pass that cannot be recorded


@dataclass(frozen=True, slots=True)
class ProductItemRow:
    """A version in a product; operations are patterns such as `GET /accounts*`, none = all."""

    version_id: str
    operations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductRow:
    """What applications subscribe to."""

    id: str
    name: str
    items: tuple[ProductItemRow, ...]


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate of the environment.

    Shapes: chain is PEM; sealed_key is the private key, PEM, sealed for the environment's gateways under the id;
    organization_id "" = for callers, else for the services of that organization's APIs.
    """

    id: str
    name: str
    organization_id: str
    chain: str
    sealed_key: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostRow:
    """A host name of the environment; client_certificates is off, optional or required, client_ca PEM.

    Shapes: challenge is the token of an authority that looks whether the host is ours, and the answer; () = none does.
    """

    id: str
    name: str
    api: str = ""
    version: str = ""
    base_path: str = ""
    is_redirected_to_https: bool = False
    hsts_max_age_s: int = 0
    client_certificates: str = "off"
    client_ca: str = ""
    challenge: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuerKeysRow:
    """Keys that were fetched for jwt policies of this source; fault says why the last fetch failed, "" = it did not."""

    source: str
    keys: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class IssuerRow:
    """An issuer that admins registered in the environment.

    Shapes: jwks is a JWK set written by hand, "" = none; source is where its keys are fetched from, "" = nowhere.
    """

    id: str
    name: str
    issuer: str
    jwks: str = ""
    jwks_url: str = ""
    source: str = ""
    client_claim: str = ""
    is_for_all: bool = False
    organizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """The environment itself: what holds for every exchange in it."""

    id: str
    name: str
    allowed_networks: tuple[str, ...]
    allow_public_networks: bool
    forbidden_addresses: tuple[str, ...]  # our own control ports, "127.0.0.1:8000"
    address_rate_per_s: int
    address_burst: int
    policies: tuple[PolicyRow, ...]
    allow_unverified_upstreams: bool = False
    certificates: tuple[CertificateRow, ...] = ()
    hosts: tuple[HostRow, ...] = ()
    issuer_keys: tuple[IssuerKeysRow, ...] = ()
    portal_url: str = ""
    issuers: tuple[IssuerRow, ...] = ()
    gateways: int = 0  # that share limits, 0 = there is one
    max_revocation_age_s: int = 0  # 0 = keys are taken for ever


@dataclass(frozen=True, slots=True)
class Rows:
    """All of one environment, as one transaction saw it."""

    environment: EnvironmentRow
    apis: tuple[APIRow, ...]
    products: tuple[ProductRow, ...]
    plans: tuple[PlanVersionRow, ...]
