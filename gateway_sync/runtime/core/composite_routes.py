"""Composite routes: the composites of a version as its snapshot has them, and the step that collects their bodies."""

from __future__ import annotations

from gateway_sync.compositions import Composite, read_composite
from gateway_sync.policies import AppliedPolicy
from gateway_sync.policies.views import RequestView
from gateway_sync.problems import Problem, Where
from gateway_sync.runtime.core.steps import BoundStep, Closed
from gateway_sync.snapshot import Version

KIND = "composite"


class Collected:
    """Wants the whole body of a request; changes nothing."""

    def __init__(self, body_bytes: int) -> None:
        """A larger body is refused."""
        self.body_bytes = body_bytes

    def on_request(self, _request: RequestView) -> None:
        """Nothing."""


def composites_of(version: Version, problems: list[Problem]) -> dict[str, Composite | None]:
    """By route id; None for one that cannot be read here, whose route is closed then."""
    found: dict[str, Composite | None] = {}
    for operation, settings in version.composites.items():
        composite, faults = read_composite(operation, settings, Where("version", version.id, "composites"))
        is_broken = any(fault.is_error for fault in faults)
        problems.extend(fault for fault in faults if fault.is_error)
        found[operation] = None if is_broken else composite
    return found


def step_of(composite: Composite | None) -> BoundStep:
    """What a route of a composite has after the steps of its policies."""
    return BoundStep(AppliedPolicy(KIND, None), Closed() if composite is None else Collected(composite.max_bytes))
