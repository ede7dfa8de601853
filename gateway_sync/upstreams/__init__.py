"""Upstreams: what owners set about the way to the services behind a version, beside targets and time-out.

One group of settings, one file: its words, its reading and its canonical form. The targets themselves are rows of
their own. Owns: which groups there are. Must not know: how a gateway does what they ask for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gateway_sync.policies.descriptions import Description
from gateway_sync.policies.settings import SettingsReader, nearest_hint
from gateway_sync.problems import Problem, Where
from gateway_sync.upstreams import (
    balancing,
    breaker,
    canary,
    discovery,
    ejection,
    health_check,
    http,
    limits,
    mirror,
    retries,
    slow_start,
    tls,
)
from gateway_sync.upstreams.balancing import Balancing
from gateway_sync.upstreams.breaker import Breaker
from gateway_sync.upstreams.canary import Canary
from gateway_sync.upstreams.discovery import Discovery
from gateway_sync.upstreams.ejection import Ejection
from gateway_sync.upstreams.health_check import HealthCheck
from gateway_sync.upstreams.http import HTTP
from gateway_sync.upstreams.limits import Limits
from gateway_sync.upstreams.mirror import Mirror
from gateway_sync.upstreams.retries import Retries
from gateway_sync.upstreams.slow_start import SlowStart
from gateway_sync.upstreams.tls import TLS

__all__ = ["DESCRIPTIONS", "KINDS", "UpstreamSettings", "dump_settings", "parse_settings"]


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """Each group that an owner gave; None = as if there were no such thing."""

    balancing: Balancing | None = None
    health_check: HealthCheck | None = None
    ejection: Ejection | None = None
    slow_start: SlowStart | None = None
    breaker: Breaker | None = None
    limits: Limits | None = None
    retries: Retries | None = None
    canary: Canary | None = None
    mirror: Mirror | None = None
    discovery: Discovery | None = None
    tls: TLS | None = None
    http: HTTP | None = None


# In the order of forms and reference.
DESCRIPTIONS: Mapping[str, Description] = {
    each.kind: each
    for each in (
        balancing.DESCRIPTION,
        health_check.DESCRIPTION,
        ejection.DESCRIPTION,
        slow_start.DESCRIPTION,
        breaker.DESCRIPTION,
        limits.DESCRIPTION,
        retries.DESCRIPTION,
        canary.DESCRIPTION,
        mirror.DESCRIPTION,
        discovery.DESCRIPTION,
        tls.DESCRIPTION,
        http.DESCRIPTION,
    )
}
KINDS = tuple(DESCRIPTIONS)

_CAPITAL = re.compile(r"(?=[A-Z])")
_ATTRIBUTES = {kind: _CAPITAL.sub("_", kind).lower() for kind in KINDS}
_READ: Mapping[str, Callable[[SettingsReader], object]] = {
    balancing.KIND: balancing.read,
    health_check.KIND: health_check.read,
    ejection.KIND: ejection.read,
    slow_start.KIND: slow_start.read,
    breaker.KIND: breaker.read,
    limits.KIND: limits.read,
    retries.KIND: retries.read,
    canary.KIND: canary.read,
    mirror.KIND: mirror.read,
    discovery.KIND: discovery.read,
    tls.KIND: tls.read,
    http.KIND: http.read,
}
_DUMP: Mapping[str, Callable[[Any], dict[str, object]]] = {
    balancing.KIND: balancing.dump,
    health_check.KIND: health_check.dump,
    ejection.KIND: ejection.dump,
    slow_start.KIND: slow_start.dump,
    breaker.KIND: breaker.dump,
    limits.KIND: limits.dump,
    retries.KIND: retries.dump,
    canary.KIND: canary.dump,
    mirror.KIND: mirror.dump,
    discovery.KIND: discovery.dump,
    tls.KIND: tls.dump,
    http.KIND: http.dump,
}


def parse_settings(settings: Mapping[str, object], where: Where) -> tuple[UpstreamSettings, tuple[Problem, ...]]:
    """The settings by group; of what is wrong, the Problems and the defaults.

    Shapes: reads what owners write and what dump_settings wrote; a Problem's field is `upstream.<group>.<setting>`
    below the field of where. Errors: total; upstream.E007 unknown group, upstream.E008 a group that is no mapping.
    """
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for kind, given in settings.items():
        field = Where(where.kind, where.id, ".".join(part for part in (where.field, str(kind)) if part))
        if kind not in _READ:
            hint = nearest_hint(str(kind), KINDS)
            problems.append(Problem("upstream.E007", f'An upstream has no setting "{kind}".', field, hint))
        elif not isinstance(given, Mapping):
            problems.append(Problem("upstream.E008", f'"{kind}" must be a mapping.', field))
        else:
            reader = SettingsReader(_ATTRIBUTES[kind], given, field)
            values[_ATTRIBUTES[kind]] = _READ[kind](reader)
            problems += reader.problems()
    return UpstreamSettings(**values), tuple(problems)


def dump_settings(settings: UpstreamSettings) -> dict[str, dict[str, object]]:
    """Canonical, complete groups without floats; parse_settings reads them back to an equal value."""
    kinds = {attribute: kind for kind, attribute in _ATTRIBUTES.items()}
    values = {kinds[field.name]: getattr(settings, field.name) for field in fields(settings)}
    return {kind: _DUMP[kind](value) for kind, value in values.items() if value is not None}
