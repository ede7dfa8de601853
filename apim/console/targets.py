"""How the targets of a version do, as each gateway reports them; and its arms side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apim.gateways.models import Gateway
from gateway_sync.latencies import Counted, add, percentile_us


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
    latencies: Counted = ()

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
    latencies: Counted = ()

    @property
    def failed_percent(self) -> float | None:
        """Failures among its calls."""
        return self.failures * 100 / self.requests if self.requests else None

    @property
    def median_ms(self) -> float | None:
        """Half of the answers began within."""
        return _percentile_ms(self.latencies, 0.5)

    @property
    def p95_ms(self) -> float | None:
        """95 % of the answers began within."""
        return _percentile_ms(self.latencies, 0.95)


def _percentile_ms(latencies: Counted, share: float) -> float | None:
    found = percentile_us(latencies, share)
    return found / 1000 if found is not None else None


def targets_of(version_id: str, gateways: Iterable[Gateway]) -> list[TargetView]:
    """The targets of a version by gateway; none where calls have only one target and nothing is set about it."""
    return [_view(gateway, told) for gateway in gateways for told in gateway.targets if told["version"] == version_id]


def arms_in(targets: Iterable[TargetView]) -> list[ArmView]:
    """The arms that targets belong to, by name."""
    rows: dict[str, ArmView] = {}
    for target in targets:
        if target.arm:
            known = rows.get(target.arm, ArmView(target.arm, 0, 0))
            rows[target.arm] = ArmView(
                target.arm,
                known.requests + target.requests,
                known.failures + target.failures,
                add(known.latencies, target.latencies),
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
        latencies=[(bucket, calls) for bucket, calls in told.get("latencies", ())],
    )
