"""tracing: how many calls are recorded to be explained, and how many are told to a collector of traces.

For environments only: it is decided before a request names a version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "tracing"
MOST_A_SECOND = 1000


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Shapes: one_in 0 = no call begins a trace. Units: parents and successes in calls a second of one worker."""

    one_in: int = 100
    parents: int = 100
    successes: int = 10


POLICY = TracingSettings

_USUAL = TracingSettings()

DESCRIPTION = Description(
    KIND,
    "Tracing",
    "How many calls are recorded in full. Refusals, failures and calls that were tried again always are. For"
    " environments only; spans are sent where a gateway was given a collector.",
    (
        Setting(
            "oneIn",
            "One call in",
            "number",
            "Of the calls that come without a trace, one in so many begins one that is sent to the collector; 0: none.",
            default=str(_USUAL.one_in),
        ),
        Setting(
            "parents",
            "Callers' traces",
            "number",
            "Traces of callers that a worker takes part in each second, where they were sampled; 0: none.",
            f"At most {MOST_A_SECOND}.",
            default=str(_USUAL.parents),
        ),
        Setting(
            "successes",
            "Explained successes",
            "number",
            "Calls that ended well and that a worker explains each second; 0: none.",
            f"At most {MOST_A_SECOND}.",
            default=str(_USUAL.successes),
        ),
    ),
    "tracing: { oneIn: 1000, successes: 5 }",
    is_of_environment=True,
    has_operations=False,
    has_shadow=False,
)


def parse(settings: Mapping[str, object], where: Where) -> tuple[TracingSettings | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    if where.kind == "version":
        reader.refuse("", "It is decided before a version is known.", "Put the policy on the environment.")
    policy = TracingSettings(
        reader.integer("oneIn", _USUAL.one_in),
        reader.integer("parents", _USUAL.parents, most=MOST_A_SECOND),
        reader.integer("successes", _USUAL.successes, most=MOST_A_SECOND),
    )
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: TracingSettings) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"oneIn": policy.one_in, "parents": policy.parents, "successes": policy.successes}
