"""The shapes of a snapshot: frozen values, one fragment each for the environment, the products, an API, the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_sync.policies.contracts import Contract

# What a gateway is willing to load; more is refused there, and before it is published. See acceptance.
MAX_ROUTES_A_VERSION = 20_000
MAX_TARGETS_A_VERSION = 64
MAX_PATH_CHARACTERS = 1_024
MAX_FRAGMENT_BYTES = 16 * 1024 * 1024
MAX_STATE_BYTES = 64 * 1024 * 1024  # of all fragments together

JSON = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy: settings are complete and canonical, as its kind's own dump writes them."""

    kind: str
    settings: JSON


@dataclass(frozen=True, slots=True)
class Route:
    """One operation as callers reach it.

    Shapes: path is the public template without the leading /{api}/{version}; method "*" and a path ending in `/{*}`
    mark a pass-through. products holds the ids of the products whose subscribers may call it, and ranks how closely
    each means this operation: 0 names it, 1 by a wildcard, 2 has the whole version. The lowest rank decides which
    subscription a call belongs to, among equals the oldest subscription. Without ranks, the order of products decides.
    """

    id: str  # "GET /accounts/{id}"
    method: str
    path: str
    products: tuple[str, ...]
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One address of an upstream, its URL split; base_path goes before the operation's path.

    Shapes: targets of a higher priority number are for when none of a lower one is healthy; arm "" = of no arm.
    """

    scheme: str
    host: str
    port: int
    base_path: str
    weight: int
    priority: int = 0  # lower first
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """A deployed version and its routes."""

    id: str
    name: str
    state: str
    revision: int
    targets: tuple[Target, ...]
    timeout_ms: int
    policies: tuple[Policy, ...]
    routes: tuple[Route, ...]
    deprecated_at: int
    sunset_at: int
    successor: str
    documentation_url: str
    upstream: JSON = field(default_factory=dict)  # groups of settings, canonical; read by gateway_sync.upstreams
    contract: Contract | None = None  # what its policies need of its document
    composites: Mapping[str, JSON] = field(default_factory=dict)  # by route id, canonical; gateway_sync.compositions


@dataclass(frozen=True, slots=True)
class API:
    """The fragment of one API."""

    id: str
    name: str
    organization: str
    key_header: str
    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """requests each per_s seconds with a bucket of burst."""

    requests: int
    per_s: int
    burst: int


@dataclass(frozen=True, slots=True)
class Quota:
    """requests each calendar hour, day or month of the plan's timezone, or each billing period of the subscription.

    Shapes: on_exceed is block, bill or warn; only block refuses. unit is what requests counts: calls, units or bytes.
    window anchored: a day, month or period counted from the subscription's own beginning by full hours; always hard.
    """

    requests: int
    per: str
    on_exceed: str = "block"
    unit: str = "calls"
    window: str = "calendar"


@dataclass(frozen=True, slots=True)
class Cap:
    """How much of a meter each billing period admits: hard at most, soft without charge; 0 = as much as one likes.

    Shapes: source is requests, bytes, request-bytes or response-bytes; weights are by patterns of operations in the
    order in which the meter looks, 1 where none fits; where = (method, operation, status or status_class; comparison;
    value), all of which a call must meet to count.
    """

    meter: str
    hard: int
    soft: int
    source: str = "requests"
    weights: tuple[tuple[str, int], ...] = ()
    where: tuple[tuple[str, str, str | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The terms of one plan version."""

    id: str
    name: str
    number: int
    rate: Rate | None
    quotas: tuple[Quota, ...]
    timezone: str
    interval: str = "month"  # of billing
    is_postpaid: bool = False  # what is used is paid for afterwards
    weights: Mapping[str, int] = field(default_factory=dict)  # what a call costs in units, by patterns of operations
    is_sharing: bool = False  # gateways keep a part of quotas for times when they cannot ask each other
    caps: tuple[Cap, ...] = ()  # of meters that no quota counts as they do
    is_served_unrecorded: bool = False  # calls pass that cannot be recorded, as while the disk is full


@dataclass(frozen=True, slots=True)
class Product:
    """A product's identity; which routes it opens is written at the routes."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Products:
    """The fragment `products`."""

    products: tuple[Product, ...]
    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer of tokens that admins registered: its keys speak for the applications of the organizations.

    Shapes: keys is a canonical JWK set, "" = none known; client_claim "" = `azp`, else `client_id`; organizations are
    ids, and those of all when is_for_all.
    """

    issuer: str
    keys: str
    client_claim: str = ""
    is_for_all: bool = False
    organizations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """The fragment `environment`."""

    id: str
    name: str
    allowed_networks: tuple[str, ...]
    allow_public_networks: bool
    forbidden_addresses: tuple[str, ...]
    address_rate_per_s: int
    address_burst: int
    policies: tuple[Policy, ...]
    portal_url: str = ""  # where people mend what a refusal tells them
    issuers: tuple[Issuer, ...] = ()
    gateways: int = 0  # that share limits, 0 = each counts for itself
    max_revocation_age_s: int = 0  # nobody vouched for access records so long: callers are refused; 0 = never


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain, PEM, with its private key, PEM and sealed for the environment's gateways under the id.

    Shapes: organization "" = shown to callers whose host is among hosts, else to services of that organization's APIs.
    """

    id: str
    name: str
    organization: str
    chain: str
    sealed_key: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """A host name, exact or `*.` and a suffix.

    Shapes: prefix is what base_path stands for in paths, `/{api}` or `/{api}/{version}`; "" = every path as it is.
    client_certificates is off, optional or required.
    """

    name: str
    prefix: str
    base_path: str
    is_redirected_to_https: bool
    hsts_max_age_s: int
    client_certificates: str
    client_ca: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """How an authority is answered who looks whether a host is ours (RFC 8555 section 8.3), over plain HTTP."""

    host: str
    token: str
    answer: str


@dataclass(frozen=True, slots=True)
class Edge:
    """The fragment `edge`: what gateways are called, and what they show to those they talk with."""

    certificates: tuple[Certificate, ...] = ()
    hosts: tuple[Host, ...] = ()
    challenges: tuple[Challenge, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole state."""

    environment: Environment
    products: Products
    apis: tuple[API, ...]
    edge: Edge = Edge()
