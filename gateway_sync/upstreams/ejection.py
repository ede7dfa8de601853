"""ejection: a target that fails gets no calls for a while."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "ejection"

DESCRIPTION = Description(
    KIND,
    "Ejection",
    "A target that fails gets no calls for a while. A failure is a connection that failed, a time-out, an invalid"
    " answer or a status of 500 and above (501 aside). Each worker judges by the calls that it made, so a target may be"
    " ejected in one worker and not yet in another, and counts are reached later the more workers there are.",
    (
        Setting("failures", "Failures in a row", "number", "So many failures in a row eject a target.", default="5"),
        Setting(
            "errorShare",
            "Share of failures",
            "number",
            "So many percent of failures within the window eject a target too.",
            "Off when left out.",
        ),
        Setting("window", "Window", "duration", "What the share is taken over.", "Such as 10s.", "10s"),
        Setting("minimumCalls", "Calls at least", "number", "Fewer calls within the window say nothing.", default="20"),
        Setting(
            "for",
            "Ejected for",
            "duration",
            "How long the first time; each time in a row that much longer, up to ten times.",
            "Such as 30s.",
            "30s",
        ),
        Setting(
            "most", "Ejected at most", "number", "Never more than so many percent of the targets at once.", default="50"
        ),
    ),
    "ejection: { failures: 5, for: 30s }",
)


@dataclass(frozen=True, slots=True)
class Ejection:
    """Shapes: error_share 0 = off. Units: shares in percent."""

    failures: int = 5
    error_share: int = 0
    window_ms: int = 10_000
    minimum_calls: int = 20
    for_ms: int = 30_000
    most: int = 50


def read(reader: SettingsReader) -> Ejection:
    """The settings; what is wrong is noted in the reader."""
    return Ejection(
        reader.integer("failures", 5, least=1, most=10_000),
        reader.integer("errorShare", 0, least=0, most=100),
        max(1, reader.duration_ms("window", 10_000)),
        reader.integer("minimumCalls", 20, least=1, most=10**6),
        max(1, reader.duration_ms("for", 30_000)),
        reader.integer("most", 50, least=1, most=100),
    )


def dump(value: Ejection) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {
        "failures": value.failures,
        "errorShare": value.error_share,
        "window": f"{value.window_ms}ms",
        "minimumCalls": value.minimum_calls,
        "for": f"{value.for_ms}ms",
        "most": value.most,
    }
