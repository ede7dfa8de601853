"""concurrency-limit: how many calls may be under way at once.

All workers of a host count together, exactly (runtime/inflight.py); a worker that is killed takes its count along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.problems import Problem, Where

KIND = "concurrency-limit"
SUBJECTS = ("application", "credential", "subscription", "address", "operation", "version")
MOST = 60_000

DESCRIPTION = Description(
    KIND,
    "Calls at once",
    "How many calls may be under way at the same time, from their admission to the last byte of their answer. Further"
    " ones get 429. All workers of a host count together; several hosts each have the limit.",
    (
        Setting("most", "Most", "number", "Calls under way at once.", is_required=True),
        Setting(
            "by", "Counted for each", "text", "Who has a count of its own.", default="application", choices=SUBJECTS
        ),
    ),
    "concurrency-limit: { most: 50, by: application }",
    "concurrency-limited",
    accumulates=True,
)


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """`most` calls at once, counted for each subject by itself."""

    most: int
    by: str = "application"


POLICY = ConcurrencyLimit


def parse(settings: Mapping[str, object], where: Where) -> tuple[ConcurrencyLimit | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("most")
    policy = ConcurrencyLimit(
        reader.integer("most", 1, least=1, most=MOST), reader.choice("by", SUBJECTS, "application")
    )
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: ConcurrencyLimit) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {"most": policy.most, "by": policy.by}
