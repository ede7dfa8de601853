"""streaming: how long the service may be silent within an answer, for server-sent events and other long answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "streaming"
DESCRIPTION = Description(
    KIND,
    "Long answers",
    "Every answer is passed on as it comes, server-sent events too. Without this policy the upstream's timeout holds"
    " between two pieces of an answer as well as before its first.",
    (
        Setting(
            "idle",
            "Silence",
            "duration",
            "How long the service may be silent once its answer has begun.",
            "Such as 10m.",
            is_required=True,
        ),
    ),
    "streaming: { idle: 10m }",
    has_operations=False,
    has_shadow=False,
)


@dataclass(frozen=True, slots=True)
class Streaming:
    """Units: seconds between two pieces of an answer."""

    idle_s: int


POLICY = Streaming


def parse(settings: Mapping[str, object], where: Where) -> tuple[Streaming | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("idle")
    policy = Streaming(reader.duration_s("idle", 1))
    if not 1 <= policy.idle_s <= 86_400:  # noqa: PLR2004 - a day
        reader.refuse("idle", '"idle" must be from 1s to 1d.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: Streaming) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"idle": policy.idle_s}
