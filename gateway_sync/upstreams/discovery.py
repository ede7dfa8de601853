"""discovery: how often the names of targets are looked up again."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "discovery"

DESCRIPTION = Description(
    KIND,
    "Discovery",
    "Targets given by name are looked up again from time to time: new connections go to all of the addresses in turn,"
    " and a connection to an address that is gone serves no further call.",
    (
        Setting(
            "every",
            "Every",
            "duration",
            "How often a name is looked up. The resolver does not tell how long its answer holds, so this stands in.",
            "Such as 30s.",
            "30s",
        ),
    ),
    "discovery: { every: 30s }",
)


@dataclass(frozen=True, slots=True)
class Discovery:
    """How often names are looked up."""

    every_ms: int = 30_000


def read(reader: SettingsReader) -> Discovery:
    """The settings; what is wrong is noted in the reader."""
    every_ms = reader.duration_ms("every", 30_000)
    if every_ms < 1000:  # noqa: PLR2004 - named in the message
        reader.refuse("every", "Names are looked up at most once a second.", "Write 30s.")
    return Discovery(every_ms)


def dump(value: Discovery) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {"every": f"{value.every_ms}ms"}
