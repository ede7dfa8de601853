"""limits: how many calls one target has at a time, and how many wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader

KIND = "limits"

DESCRIPTION = Description(
    KIND,
    "Limits of a target",
    "How many calls one target has under way, and how many wait for it. A connection carries one call at a time.",
    (
        Setting(
            "connections",
            "Connections",
            "number",
            "Calls under way at one target, for one gateway: each of its workers has an equal share, one at least.",
            default="1000",
        ),
        Setting(
            "pending",
            "Waiting calls",
            "number",
            "Calls that may wait until one of the connections is free; the next ones are refused.",
            "None wait when left out.",
        ),
    ),
    "limits: { connections: 100, pending: 50 }",
    "overloaded",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Both for one target and one gateway."""

    connections: int = 1000
    pending: int = 0


def read(reader: SettingsReader) -> Limits:
    """The settings; what is wrong is noted in the reader."""
    return Limits(
        reader.integer("connections", 1000, least=1, most=100_000),
        reader.integer("pending", 0, least=0, most=100_000),
    )


def dump(value: Limits) -> dict[str, object]:
    """Canonical settings; read takes them back."""
    return {"connections": value.connections, "pending": value.pending}
