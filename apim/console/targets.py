"""How the targets of a version do, as each gateway reports them; and its arms side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apim.gateways.models import Gateway


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target at one gateway. Shapes: state is up, ejected or down; breaker is closed, half-open or open."""

    gateway: str
    target: str
    arm: str
    state: str
    breaker: str
    active: int
    requests: int
    failures: int
    latency_us: int
    ejections: int

    @property
    def mean_ms(self) -> float | None:
        """Mean time until answers began."""
        return self.latency_us / self.requests / 1000 if self.requests else None


@dataclass(frozen=True, slots=True)
class ArmView:
    """The calls of one arm at all gateways since their workers started."""

    name: str
    requests: int
    failures: int
    latency_us: int

    @property
    def failed_percent(self) -> float | None:
        """Failures among its calls."""
        return self.failures * 100 / self.requests if self.requests else None

    @property
    def mean_ms(self) -> float | None:
        """Mean time until answers began."""
        return self.latency_us / self.requests / 1000 if self.requests else None


def targets_of(version_id: str, gateways: Iterable[Gateway]) -> list[TargetView]:
    """The targets of a version by gateway; none where calls have only one target and nothing is set about it."""
    return [_view(gateway, told) for gateway in gateways for told in gateway.targets if told["version"] == version_id]


def arms_in(targets: Iterable[TargetView]) -> list[ArmView]:
    """The arms that targets belong to, by name."""
    rows: dict[str, ArmView] = {}
    for target in targets:
        if target.arm:
            known = rows.get(target.arm, ArmView(target.arm, 0, 0, 0))
            rows[target.arm] = ArmView(
                target.arm,
                known.requests + target.requests,
                known.failures + target.failures,
                known.latency_us + target.latency_us,
            )
    return [rows[name] for name in sorted(rows)]


def _view(gateway: Gateway, told: Mapping[str, Any]) -> TargetView:
    return TargetView(
        gateway=gateway.name,
        target=told["target"],
        arm=told["arm"],
        state=told["state"],
        breaker=told["breaker"],
        active=told["active"],
        requests=told["requests"],
        failures=told["failures"],
        latency_us=told["latency_us"],
        ejections=told["ejections"],
    )
