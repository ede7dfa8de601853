"""Index: look-ups built once from a snapshot, so that a request costs dictionary look-ups only.

Building is a generator that yields now and then, because it may run beside live traffic. What one API adds is a part of
its own, which the index of the next snapshot takes over as it is where the API is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from email.utils import formatdate
from typing import Final
from urllib.parse import urlsplit

from gateway_sync.compositions import Composite
from gateway_sync.messages import Refusal
from gateway_sync.problems import Problem, Where
from gateway_sync.runtime.core.composite_routes import composites_of, step_of
from gateway_sync.runtime.core.connections import silence_s_of, upgrade_of
from gateway_sync.runtime.core.field_lines import FieldLines
from gateway_sync.runtime.core.hosts import HostTable
from gateway_sync.runtime.core.plans import PlanEntry
from gateway_sync.runtime.core.pools import UpstreamPool
from gateway_sync.runtime.core.public_links import PublicLinks
from gateway_sync.runtime.core.response_head import AnswerLines
from gateway_sync.runtime.core.routing import Node, add_route
from gateway_sync.runtime.core.rules import RuleBook
from gateway_sync.runtime.core.targets import TargetEntry, TargetTLS
from gateway_sync.snapshot import API, Edge, Environment, Products, Route, Target, Version, canonical_bytes
from gateway_sync.upstreams import UpstreamSettings, parse_settings

_NO_EDGE: Final = Edge()
SLICE: Final = 64  # routes indexed between two yields: well under a millisecond

Methods = dict[bytes, "RouteEntry"]


class RouteEntry:
    """One operation: what admission and forwarding need of it."""

    __slots__ = ("context", "id", "products", "rules", "version")

    def __init__(self, route: Route, version: VersionEntry) -> None:
        """context names the route in usage records; products are pairs of id and rank."""
        self.id = route.id
        self.products = tuple(zip(route.products, route.ranks or range(len(route.products)), strict=False))
        self.version = version
        composites = version.composites
        self.rules = version.book.rules_of(route, step_of(composites[route.id]) if route.id in composites else None)
        self.context = (version.id, route.id)


class VersionEntry:
    """A deployed version, its policies merged with the environment's."""

    def __init__(self, api: API, version: Version, environment: Environment, problems: list[Problem]) -> None:
        """Routes are added by build_index."""
        self.id = version.id
        self.organization = api.organization
        self.state = version.state
        self.composites: dict[str, Composite | None] = composites_of(version, problems)
        self.prefix = f"/{api.name}/{version.name}".encode()
        tls = _tls_of(api, version)
        is_http2 = version.upstream.get("http") == {"version": "2"}
        self.targets = [TargetEntry(target, tls, is_http2=is_http2) for target in version.targets]
        self.pool = _pool_of(version, self.targets, tls, problems)
        self.timeout_s = version.timeout_ms / 1000
        self.silence_s = silence_s_of(environment.policies, version.policies, self.timeout_s)
        self.upgrade = upgrade_of(environment.policies, version.policies)
        self.links = PublicLinks(self.prefix, version.targets)
        self.answer_lines = AnswerLines(self.links)
        self.book = RuleBook(api, version, environment, problems)
        self.cors = self.book.cors
        self.lifecycle_lines = _lifecycle_lines(api, version)
        is_checked = self.cors is not None or self.book.has_ip_filters or not self.book.is_usable
        self.is_plain = version.state == "published" and not is_checked
        successor = (("successor", f"/{api.name}/{version.successor}"),) if version.successor else ()
        self.retired = Refusal(
            "retired",
            f"Version {version.name} of {api.name} is retired.",
            self.lifecycle_lines,
            members=successor,
        )


class Part:
    """What one API adds to an index."""

    __slots__ = ("exact", "key_fields", "problems", "roots", "versions")

    def __init__(self) -> None:
        """Empty; fill_part fills it."""
        self.exact: dict[bytes, Methods] = {}
        self.versions: dict[bytes, VersionEntry] = {}
        # Beside the versions, not in them: in a circle with their routes they would stay in memory after a swap, until
        # the collector of circles comes by, which is seldom.
        self.roots: dict[bytes, Node] = {}
        self.problems: list[Problem] = []
        self.key_fields: set[bytes] = set()


class Index:
    """All look-ups of one snapshot."""

    def __init__(
        self, environment: Environment, products: Products, revision: int, digest: str, edge: Edge = _NO_EDGE
    ) -> None:
        """Empty of routes; build_index fills it. hosts is None where requests of all names are alike."""
        self.environment = environment
        self.edge = edge
        self.hosts = HostTable(edge.hosts, edge.challenges) if edge != _NO_EDGE else None
        self.revision = revision
        self.digest = digest
        self.plans = {plan.id: PlanEntry(plan) for plan in products.plans}
        self.newest_plans = {
            plan.name: self.plans[plan.id] for plan in sorted(products.plans, key=lambda plan: plan.number)
        }
        self.exact: dict[bytes, Methods] = {}
        self.versions: dict[bytes, VersionEntry] = {}
        self.roots: dict[bytes, Node] = {}
        self.parts: dict[str, Part] = {}  # by the digests of APIs
        self.problems: list[Problem] = []
        self.fields = FieldLines(frozenset())

    def parts_for(self, environment: Environment) -> Mapping[str, Part]:
        """The parts that would be the same in a later state with this environment."""
        return self.parts if _shared_by_parts(environment) == _shared_by_parts(self.environment) else {}


def build_index(index: Index, apis: Iterable[API]) -> Iterator[None]:
    """Fill the index; yields after each slice of work."""
    parts: list[Part] = []
    for api in apis:
        parts.append(Part())
        yield from fill_part(parts[-1], api, index.environment)
        yield
    yield from join_parts(index, parts)


def fill_part(part: Part, api: API, environment: Environment) -> Iterator[None]:
    """Fill the part of an API; yields after each slice of work."""
    for version in api.versions:
        entry = VersionEntry(api, version, environment, part.problems)
        part.versions[entry.prefix] = entry
        root = part.roots[entry.prefix] = Node()
        part.key_fields |= entry.book.key_fields
        for number, route in enumerate(version.routes):
            if number % SLICE == SLICE - 1:
                yield
            add_route(part.exact, root, entry.prefix, route.path, route.method.encode(), RouteEntry(route, entry))


def join_parts(index: Index, parts: Iterable[Part]) -> Iterator[None]:
    """Fill the index with all of its parts; yields after each slice of work."""
    key_fields: set[bytes] = set()
    for number, part in enumerate(parts):
        if number % SLICE == SLICE - 1:
            yield
        index.exact.update(part.exact)
        index.versions.update(part.versions)
        index.roots.update(part.roots)
        index.problems += part.problems
        key_fields |= part.key_fields
    index.fields = FieldLines(frozenset(key_fields))


def _shared_by_parts(environment: Environment) -> bytes:
    """What of the environment the parts are made of."""
    return canonical_bytes((environment.policies, environment.issuers))


def _pool_of(
    version: Version, targets: list[TargetEntry], tls: TargetTLS | None, problems: list[Problem]
) -> UpstreamPool | None:
    """How calls are spread over the targets; None where there is nothing to decide: one target and no settings."""
    if len(targets) == 1 and version.upstream.keys() <= {"tls", "http"}:
        return None
    settings, found = parse_settings(version.upstream, Where("version", version.id, "upstream"))
    problems.extend(found)
    return UpstreamPool(version.id, targets, version.targets, settings, _mirror_of(settings, tls))


def _mirror_of(settings: UpstreamSettings, tls: TargetTLS | None) -> TargetEntry | None:
    """What gets copies; the compiler wrote its whole URL."""
    if settings.mirror is None:
        return None
    url = urlsplit(settings.mirror.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    return TargetEntry(Target(url.scheme, url.hostname or "", port, url.path, 1), tls)


def _tls_of(api: API, version: Version) -> TargetTLS | None:
    if "tls" not in version.upstream:
        return None
    settings, _ = parse_settings(version.upstream, Where("version", version.id, "upstream"))
    return TargetTLS(settings.tls, api.organization) if settings.tls is not None else None


def _lifecycle_lines(api: API, version: Version) -> tuple[bytes, ...]:
    """Deprecation (RFC 9745), Sunset (RFC 8594) and Link (RFC 5829) lines of a version that is on its way out."""
    if version.state not in ("deprecated", "retired"):
        return ()
    lines: list[str] = []
    if version.deprecated_at:
        lines.append(f"Deprecation: @{version.deprecated_at}")
    if version.sunset_at:
        lines.append(f"Sunset: {formatdate(version.sunset_at, usegmt=True)}")
    if version.successor:
        lines.append(f'Link: </{api.name}/{version.successor}>; rel="successor-version"')
    if version.documentation_url:
        lines.append(f'Link: <{version.documentation_url}>; rel="deprecation"; type="text/html"')
    return tuple(line.encode() for line in lines)
