"""slowStart: a target that comes back gets its share little by little."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "slowStart"

DESCRIPTION = Description(
    KIND,
    "Slow start",
    "A target that was ejected or failed its health check gets its share of the calls little by little.",
    (
        Setting(
            "over",
            "Over",
            "duration",
            "How long until it has its whole share; it begins with a tenth.",
            "Such as 30s.",
            "30s",
        ),
    ),
    "slowStart: { over: 30s }",
)


@dataclass(frozen=True, slots=True)
class SlowStart:
    """How long a target takes to have its whole share again."""

    over_ms: int = 30_000


def read(reader: SettingsReader) -> SlowStart:
    """The settings; what is wrong is noted in the reader."""
    return SlowStart(max(1, reader.duration_ms("over", 30_000)))


def dump(value: SlowStart) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {"over": f"{value.over_ms}ms"}
