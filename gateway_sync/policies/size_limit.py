"""size-limit: how many bytes the body of a request may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "size-limit"
DESCRIPTION = Description(
    KIND,
    "Size of a request's body",
    "Larger bodies are refused before they reach the upstream.",
    (Setting("max", "Most", "size", "The largest body, as sent.", "Such as 64KiB or 1MiB.", is_required=True),),
    "size-limit: { max: 1MiB }",
    "body-too-large",
    accumulates=True,
)

LARGEST = 2**50


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """The largest body, in bytes as sent (before any content coding is undone)."""

    max_bytes: int


POLICY = SizeLimit


def parse(settings: Mapping[str, object], where: Where) -> tuple[SizeLimit | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("max")
    policy = SizeLimit(reader.size_bytes("max", 0))
    if policy.max_bytes > LARGEST:
        reader.refuse("max", '"max" is larger than 1 PiB.')
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: SizeLimit) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"max": policy.max_bytes}
