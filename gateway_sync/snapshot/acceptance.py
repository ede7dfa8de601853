"""Acceptance: what a gateway takes for a state at all, whoever signed it: its sizes, and nothing blank that is a name.

Owns: the bounds that the loader of gateways and the gate before publishing share, so that neither meets what the other
refuses. Must not know: what policies mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway_sync.snapshot.fragments import SnapshotInvalid
from gateway_sync.snapshot.shapes import (
    API,
    MAX_FRAGMENT_BYTES,
    MAX_PATH_CHARACTERS,
    MAX_ROUTES_A_VERSION,
    MAX_STATE_BYTES,
    MAX_TARGETS_A_VERSION,
    Edge,
    Environment,
    Products,
    Snapshot,
    Version,
)


class Fault(NamedTuple):
    """Why a part cannot be loaded. Shapes: field within it; is_fatal False = it loads, and something of it is shut."""

    field: str
    message: str
    is_fatal: bool = True

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def accept_sizes(sizes: Mapping[str, int]) -> None:
    """Errors: SnapshotInvalid when a fragment or all together are too large. Shapes: bytes by names of fragments."""
    for name, size in sizes.items():
        if size > MAX_FRAGMENT_BYTES:
            message = f"fragment {name} has {size} bytes; {MAX_FRAGMENT_BYTES} are the most"
            raise SnapshotInvalid(message)
    if (whole := sum(sizes.values())) > MAX_STATE_BYTES:
        message = f"the state has {whole} bytes; {MAX_STATE_BYTES} are the most"
        raise SnapshotInvalid(message)


def accept(snapshot: Snapshot) -> Snapshot:
    """The state as it is. Errors: SnapshotInvalid, with the first fault of a part, for what no gateway loads."""
    for part in (snapshot.environment, snapshot.products, snapshot.edge, *snapshot.apis):
        accept_part(part)
    return snapshot


def accept_part(part: object) -> None:
    """Errors: SnapshotInvalid, with the part's first fault. Anything that is no part of a state is let be."""
    for fault in faults_in(part):
        name = f"API {part.name or part.id}, " if isinstance(part, API) else ""
        message = f"{name}{fault}"
        raise SnapshotInvalid(message)


def faults_in(part: object) -> Iterator[Fault]:
    """What is blank or too much in the fragment of an environment, of products, of the edge or of an API."""
    if isinstance(part, Environment):
        yield from _blank(id=part.id, name=part.name)
        yield from (fault for number, each in enumerate(part.policies) for fault in _policy(number, each.kind))
    elif isinstance(part, Products):
        yield from (fault for plan in part.plans for fault in _blank("plans", id=plan.id))
        yield from (fault for product in part.products for fault in _blank("products", id=product.id))
    elif isinstance(part, Edge):
        yield from _of_edge(part)
    elif isinstance(part, API):
        yield from _blank(id=part.id, name=part.name)
        yield from _doubles("versions", [version.name for version in part.versions])
        for version in part.versions:
            yield from faults_in_version(version)


def faults_in_version(version: Version) -> Iterator[Fault]:
    """What is blank or too much in one version of an API."""
    place = f"versions.{version.name}"
    yield from _blank(place, id=version.id, name=version.name, state=version.state)
    if len(version.routes) > MAX_ROUTES_A_VERSION:  # nothing else of it is looked at
        yield Fault(f"{place}.operations", f"it has {len(version.routes)}; {MAX_ROUTES_A_VERSION} are the most")
        return
    if len(version.targets) > MAX_TARGETS_A_VERSION:
        yield Fault(f"{place}.upstream", f"it has {len(version.targets)} targets; {MAX_TARGETS_A_VERSION} are the most")
    for target in version.targets:
        yield from _blank(f"{place}.upstream", scheme=target.scheme, host=target.host)
    yield from (fault for number, each in enumerate(version.policies) for fault in _policy(number, each.kind, place))
    for route in version.routes:
        if not (route.id and route.method and route.path):
            yield Fault(f"{place}.operations", f'"{route.id}" is blank')
        elif len(route.path) > MAX_PATH_CHARACTERS:
            message = f"a path has {len(route.path)} characters; {MAX_PATH_CHARACTERS} are the most"
            yield Fault(f"{place}.operations", message)


def _of_edge(edge: Edge) -> Iterator[Fault]:
    yield from (fault for host in edge.hosts for fault in _blank("hosts", name=host.name))
    yield from (fault for each in edge.certificates for fault in _blank("certificates", id=each.id))
    yield from _doubles("hosts", [host.name for host in edge.hosts])


def _policy(number: int, kind: str, place: str = "") -> Iterator[Fault]:
    if not kind:
        yield Fault(f"{place}.policies.{number}".lstrip("."), "its kind is blank")


def _blank(place: str = "", **fields: str) -> Iterator[Fault]:
    """A fault for each of these texts that is blank."""
    for name, text in fields.items():
        if not text.strip():
            yield Fault(f"{place}.{name}".lstrip("."), "it is blank")


def _doubles(place: str, names: list[str]) -> Iterator[Fault]:
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        yield Fault(place, f'there are two of the name "{twice}"')
