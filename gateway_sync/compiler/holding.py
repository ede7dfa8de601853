"""Holding: an earlier state, with what must not come back of it as it is now.

Owns: what a whole-state rollback brings back, and what it never does. Trust that was withdrawn stays withdrawn: blocked
versions, certificates and registered issuers are those of now. So are the challenges of authorities, else certificates
could not be renewed, how many gateways share limits, and terms that access records of now may name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from gateway_sync.problems import Problem, Where
from gateway_sync.snapshot import (
    API,
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    PRODUCTS_FRAGMENT,
    Edge,
    Environment,
    Products,
    SnapshotInvalid,
    Version,
    api_fragment,
    canonical_bytes,
    decode_fragment,
)

_API_PREFIX = api_fragment("")


def hold(earlier: Mapping[str, str], now: Mapping[str, str], blocked: Collection[str]) -> dict[str, bytes]:
    """The fragments of an earlier state, as they may be published again beside those of now; both by name.

    Shapes: blocked are ids of versions that may not be served. Errors: SnapshotInvalid for another format.
    """
    if missing := {ENVIRONMENT_FRAGMENT, PRODUCTS_FRAGMENT} - earlier.keys():
        message = f"fragment {min(missing)} is missing"
        raise SnapshotInvalid(message)
    held: dict[str, bytes] = {
        ENVIRONMENT_FRAGMENT: canonical_bytes(_environment(earlier, now)),
        PRODUCTS_FRAGMENT: canonical_bytes(_products(earlier, now)),
    }
    for name, text in earlier.items():
        if name.startswith(_API_PREFIX) and (api := _without(decode_fragment(text, API), blocked)) is not None:
            held[name] = canonical_bytes(api)
    edge = _edge(earlier, now)
    if edge != Edge():
        held[EDGE_FRAGMENT] = canonical_bytes(edge)
    return dict(sorted(held.items()))


def held_back(wanted: Mapping[str, str], held: Mapping[str, str], revision: int) -> tuple[Problem, ...]:
    """A warning for each version that is served otherwise than wanted, for the environment is held at revision."""
    return tuple(
        Problem(
            "version.W006",
            f"The environment is held at publication {revision}, so callers do not get this version as it is here.",
            Where("version", version_id),
            "An administrator releases it on the page of the environment's publications.",
        )
        for name in sorted(wanted.keys() | held.keys())
        if name.startswith(_API_PREFIX) and wanted.get(name) != held.get(name)
        for version_id in _differing(_versions(wanted.get(name)), _versions(held.get(name)))
    )


def _differing(one: Mapping[str, Version], other: Mapping[str, Version]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _versions(text: str | None) -> dict[str, Version]:
    return {version.id: version for version in decode_fragment(text, API).versions} if text is not None else {}


def _without(api: API, blocked: Collection[str]) -> API | None:
    """The API without versions that may not be served; None when none is left."""
    versions = tuple(version for version in api.versions if version.id not in blocked)
    return replace(api, versions=versions) if versions else None


def _environment(earlier: Mapping[str, str], now: Mapping[str, str]) -> Environment:
    environment = decode_fragment(earlier[ENVIRONMENT_FRAGMENT], Environment)
    present = decode_fragment(now[ENVIRONMENT_FRAGMENT], Environment)
    return replace(
        environment,
        issuers=present.issuers,
        gateways=present.gateways,
        forbidden_addresses=present.forbidden_addresses,
        portal_url=present.portal_url,
    )


def _products(earlier: Mapping[str, str], now: Mapping[str, str]) -> Products:
    """Those of then, and those that came since: a subscription of now may be to one of them."""
    then, present = (decode_fragment(each[PRODUCTS_FRAGMENT], Products) for each in (earlier, now))
    products = {each.id: each for each in (*present.products, *then.products)}
    plans = {each.id: each for each in (*present.plans, *then.plans)}
    return Products(
        tuple(products[key] for key in sorted(products)),
        tuple(plans[key] for key in sorted(plans)),
    )


def _edge(earlier: Mapping[str, str], now: Mapping[str, str]) -> Edge:
    then, present = (
        decode_fragment(each[EDGE_FRAGMENT], Edge) if EDGE_FRAGMENT in each else Edge() for each in (earlier, now)
    )
    return Edge(present.certificates, then.hosts, present.challenges)
