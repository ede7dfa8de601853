"""The gate: no state is published that gateways would refuse. Their own loader looks at it first.

Owns: what is published in place of a state that would be refused as a whole. Parts that would be are held back by the
compiler, one by one: it asks the same loader about all that it makes anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from django.conf import settings

from gateway_sync.compiler import Loader, hold
from gateway_sync.delivery.collect import DATABASE, Collected, blocked_versions
from gateway_sync.problems import Problem, Where
from gateway_sync.runtime.rehearsal import Rehearsal
from gateway_sync.snapshot import (
    API,
    EDGE_FRAGMENT,
    ENVIRONMENT_FRAGMENT,
    PRODUCTS_FRAGMENT,
    Edge,
    Environment,
    Fault,
    Products,
    SnapshotInvalid,
    accept_part,
    accept_sizes,
    api_fragment,
    canonical_bytes,
    decode_fragment,
)

logger = logging.getLogger(__name__)

_SHAPES: Mapping[str, type[object]] = {
    ENVIRONMENT_FRAGMENT: Environment,
    PRODUCTS_FRAGMENT: Products,
    EDGE_FRAGMENT: Edge,
}


def loader_of(collected: Collected) -> Loader:
    """What loads parts as the environment's gateways do."""
    return Rehearsal(settings.KEYRING.gateway_sealing_key(collected.rows.environment.id))


def passed(collected: Collected, fragments: Mapping[str, bytes]) -> tuple[dict[str, bytes], tuple[Problem, ...]]:
    """The fragments to publish: these, else those in force without what must not come back, and why."""
    loader = loader_of(collected) if collected.pin is not None else None
    if not (fault := _fault_of(collected, fragments, loader)):
        return dict(fragments), ()
    logger.error("gateways would refuse the state of %s: %s", collected.environment, fault)
    message = f"Gateways would refuse this state, so the one before stays in force: {fault}."
    hint = "Mend what it names; what was revoked and blocked since is in force all the same."
    where = Where("environment", collected.rows.environment.id)
    return _instead(collected, fragments), (Problem("environment.E007", message, where, hint),)


def _instead(collected: Collected, fragments: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is in force, without blocked versions and with the trust of now; where nothing was, nothing but a name."""
    in_force = collected.last_good
    wanted = {name: content.decode() for name, content in fragments.items()}
    try:
        held = hold(in_force, wanted, blocked_versions(DATABASE))
    except SnapshotInvalid:
        held = {}
    if held and not _fault_of(collected, held, loader_of(collected)):
        return held
    if in_force:
        return {name: text.encode() for name, text in in_force.items()}
    row = collected.rows.environment
    blank = Environment(row.id, row.name, (), allow_public_networks=False, forbidden_addresses=(),
                        address_rate_per_s=1, address_burst=1, policies=())  # fmt: skip
    return {ENVIRONMENT_FRAGMENT: canonical_bytes(blank), PRODUCTS_FRAGMENT: canonical_bytes(Products((), ()))}


def _fault_of(collected: Collected, fragments: Mapping[str, bytes], loader: Loader | None = None) -> str:
    """Why gateways would refuse the state; "" when they would not.

    Shapes: loader = parts are loaded too, as is needed where the compiler did not make them. Fragments that are in
    force, byte for byte, are not looked at again: gateways have them.
    """
    known = collected.last_good
    try:
        accept_sizes({name: len(content) for name, content in fragments.items()})
        environment = decode_fragment(fragments[ENVIRONMENT_FRAGMENT], Environment)
        for name, content in fragments.items():
            if known.get(name) == content.decode():
                continue
            part = decode_fragment(content, API if name.startswith(api_fragment("")) else _SHAPES[name])
            accept_part(part)
            for fault in _faults(loader, part, environment) if loader is not None else ():
                return f"{name}, {fault}"
    except (SnapshotInvalid, KeyError) as error:
        return str(error)
    return ""


def _faults(loader: Loader, part: object, environment: Environment) -> Iterator[Fault]:
    """What would end the loading of a part."""
    found: list[Sequence[Fault]] = []
    if isinstance(part, Environment):
        found.append(loader.environment(part))
    elif isinstance(part, Products):
        found += [loader.plan(plan) for plan in part.plans]
    elif isinstance(part, Edge):
        found += [loader.host(host) for host in part.hosts]
    elif isinstance(part, API):
        found += [loader.version(part, version, environment) for version in part.versions]
    yield from (fault for faults in found for fault in faults if fault.is_fatal)
