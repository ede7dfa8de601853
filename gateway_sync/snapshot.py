"""Snapshot: all that one environment's gateways need, immutable, numbered and hashed.

Owns: the shapes on the wire, their canonical bytes and digests. Must not know: Django, sockets, how policies decide.

A snapshot is a manifest of content-addressed fragments. Fragment names: `environment`, `products`, `api:<id>` for
each API, and `edge` where there are certificates or hosts. Fragments are plain JSON values; the typed views that the
runtime works on are built from them by `decode`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from gateway_sync.policies.contracts import Contract

FORMAT = 1

# What a gateway is willing to load. The compiler refuses more, so that no gateway ever meets it.
MAX_ROUTES_A_VERSION = 20_000
MAX_TARGETS_A_VERSION = 64
MAX_PATH_CHARACTERS = 1_024
MAX_FRAGMENT_BYTES = 16 * 1024 * 1024

ENVIRONMENT_FRAGMENT = "environment"
PRODUCTS_FRAGMENT = "products"
EDGE_FRAGMENT = "edge"
_API_PREFIX = "api:"

JSON = Mapping[str, object]
T = TypeVar("T")


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

    Shapes: on_exceed is block, bill or warn; only block refuses.
    """

    requests: int
    per: str
    on_exceed: str = "block"


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


@dataclass(frozen=True, slots=True)
class Manifest:
    """What names a snapshot: fragments maps a fragment's name to the digest of its canonical bytes.

    Shapes: digest = SHA-256 over format, environment and fragments; revision is not part of it, so that equal
    content has an equal digest. signature = Ed25519 over `signed_bytes`, base64, "" before signing.
    """

    format: int
    environment: str
    revision: int
    digest: str
    fragments: Mapping[str, str]
    signature: str = ""


class SnapshotInvalid(ValueError):
    """A fragment is not of this format."""


def canonical_bytes(value: object) -> bytes:
    """The one encoding of JSON values and of this file's shapes that is hashed and signed: sorted keys, no spaces.

    Shapes: no floats; the compiler makes none.
    """
    return msgspec.json.encode(value, order="sorted")


def digest(content: bytes) -> str:
    """SHA-256 of content as 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def api_fragment(api_id: str) -> str:
    """The name of an API's fragment."""
    return _API_PREFIX + api_id


def encode(snapshot: Snapshot) -> dict[str, bytes]:
    """The canonical bytes of each fragment by its name."""
    parts: dict[str, Environment | Products | API | Edge] = {
        ENVIRONMENT_FRAGMENT: snapshot.environment,
        PRODUCTS_FRAGMENT: snapshot.products,
    }
    parts |= {api_fragment(api.id): api for api in snapshot.apis}
    if snapshot.edge != Edge():
        parts[EDGE_FRAGMENT] = snapshot.edge
    return {name: canonical_bytes(part) for name, part in sorted(parts.items())}


def decode(fragments: Mapping[str, bytes | str]) -> Snapshot:
    """The snapshot of encoded fragments; APIs in the order of their ids.

    Errors: SnapshotInvalid for a fragment that is missing, broken, or of a shape this format does not have. Unknown
    fields are passed over: formats change by addition.
    """
    if missing := {ENVIRONMENT_FRAGMENT, PRODUCTS_FRAGMENT} - fragments.keys():
        message = f"fragment {min(missing)} is missing"
        raise SnapshotInvalid(message)
    return Snapshot(
        environment=decode_fragment(fragments[ENVIRONMENT_FRAGMENT], Environment),
        products=decode_fragment(fragments[PRODUCTS_FRAGMENT], Products),
        apis=tuple(
            decode_fragment(content, API) for name, content in sorted(fragments.items()) if name.startswith(_API_PREFIX)
        ),
        edge=decode_fragment(fragments[EDGE_FRAGMENT], Edge) if EDGE_FRAGMENT in fragments else Edge(),
    )


def decode_fragment(content: bytes | str, shape: type[T]) -> T:
    """One fragment as its typed view.

    Errors: SnapshotInvalid.
    """
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotInvalid(str(error)) from error


def manifest_of(environment: str, revision: int, fragments: Mapping[str, bytes]) -> Manifest:
    """The unsigned manifest of encoded fragments."""
    digests = {name: digest(content) for name, content in sorted(fragments.items())}
    whole = digest(canonical_bytes({"format": FORMAT, "environment": environment, "fragments": digests}))
    return Manifest(FORMAT, environment, revision, whole, digests)


def signed_bytes(manifest: Manifest) -> bytes:
    """What the signature covers: everything that decides which state is in force."""
    return canonical_bytes(
        {
            "format": manifest.format,
            "environment": manifest.environment,
            "revision": manifest.revision,
            "digest": manifest.digest,
        }
    )
