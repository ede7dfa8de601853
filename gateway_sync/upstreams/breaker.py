"""breaker: a service that fails as a whole gets no calls until trial calls show that it is back."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "breaker"

DESCRIPTION = Description(
    KIND,
    "Circuit breaker",
    "A service that fails as a whole gets no calls for a while: callers are answered at once. Then trial calls decide."
    " Each worker has a breaker of its own and judges by the calls that it made.",
    (
        Setting("errorShare", "Share of failures", "number", "So many percent of failures open it.", default="50"),
        Setting("window", "Window", "duration", "What the share is taken over.", "Such as 10s.", "10s"),
        Setting("minimumCalls", "Calls at least", "number", "Fewer calls within the window say nothing.", default="20"),
        Setting("openFor", "Open for", "duration", "How long no call goes through.", "Such as 10s.", "10s"),
        Setting(
            "trials",
            "Trial calls",
            "number",
            "So many calls are let through then: all must succeed to close it, one failure opens it again.",
            default="3",
        ),
    ),
    "breaker: { errorShare: 50, minimumCalls: 20, openFor: 10s }",
    "no-healthy-target",
)


@dataclass(frozen=True, slots=True)
class Breaker:
    """Units: error_share in percent."""

    error_share: int = 50
    window_ms: int = 10_000
    minimum_calls: int = 20
    open_ms: int = 10_000
    trials: int = 3


def read(reader: SettingsReader) -> Breaker:
    """The settings; what is wrong is noted in the reader."""
    return Breaker(
        reader.integer("errorShare", 50, least=1, most=100),
        max(1, reader.duration_ms("window", 10_000)),
        reader.integer("minimumCalls", 20, least=1, most=10**6),
        max(1, reader.duration_ms("openFor", 10_000)),
        reader.integer("trials", 3, least=1, most=1000),
    )


def dump(value: Breaker) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {
        "errorShare": value.error_share,
        "window": f"{value.window_ms}ms",
        "minimumCalls": value.minimum_calls,
        "openFor": f"{value.open_ms}ms",
        "trials": value.trials,
    }
