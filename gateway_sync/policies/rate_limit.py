"""rate-limit: requests in a time, with a burst, by the generic cell rate algorithm (GCRA).

One number a caller: the theoretical arrival time `tat_ns`, when the bucket will be empty again. All integers, so that
every engine and every worker decides alike. Source: ITU-T I.371 annex A (virtual scheduling).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.policies.settings import SettingsReader
from gateway_sync.policies.units import format_rate
from gateway_sync.policies.views import fault_of_field
from gateway_sync.problems import Problem, Where

KIND = "rate-limit"
SUBJECTS = ("subscription", "application", "credential", "address", "operation", "header")

DESCRIPTION = Description(
    KIND,
    "Rate limit",
    "Requests in a time, on top of what plans grant: a call must pass both.",
    (
        Setting(
            "limit",
            "Limit",
            "rate",
            "How many requests in which time.",
            "Such as 10/s, 100/m or 5/10s.",
            is_required=True,
        ),
        Setting("burst", "Burst", "number", "Calls at once; as many as the limit's when left out."),
        Setting(
            "by", "Counted for each", "text", "Who has a count of its own.", default="application", choices=SUBJECTS
        ),
        Setting(
            "header",
            "Header",
            "text",
            "With `by: header`: each value of this field has a count; calls without it share one.",
        ),
    ),
    "rate-limit: { limit: 10/s, burst: 20, by: credential }",
    "rate-limited",
    accumulates=True,
)

_NS = 10**9


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` each `per_s` seconds, up to `burst` at once, counted for each subject by itself."""

    requests: int
    per_s: int
    burst: int
    by: str = "application"
    header: str = ""


POLICY = RateLimit


def interval_ns(requests: int, per_s: int) -> int:
    """Nanoseconds between two requests at the sustained rate; at least 1."""
    return max(1, per_s * _NS // requests)


def advance(tat_ns: int, now_ns: int, step_ns: int, burst: int) -> tuple[bool, int]:
    """Whether one more request fits, and the arrival time to store if it is admitted.

    Errors: total; a stored time beyond what the bucket can hold (the clock went back, or the limit became narrower)
    leaves room for one request, whose new time then counts like any other: nobody is locked out until the clock
    catches up.
    """
    ceiling = now_ns + burst * step_ns
    if tat_ns > ceiling:
        return True, ceiling
    arrival_ns = (tat_ns if tat_ns > now_ns else now_ns) + step_ns  # noqa: FURB136 - hot: max() costs four times as much
    return arrival_ns <= ceiling, arrival_ns


def remaining(tat_ns: int, now_ns: int, step_ns: int, burst: int) -> int:
    """Requests that would still pass at once."""
    free_ns = burst * step_ns - (tat_ns - now_ns if tat_ns > now_ns else 0)
    return free_ns // step_ns if free_ns > 0 else 0


def retry_after_s(tat_ns: int, now_ns: int, step_ns: int, burst: int) -> int:
    """Whole seconds until one request passes; at least 1.

    Shapes: tat_ns as stored, without the refused request.
    """
    wait_ns = min(tat_ns, now_ns + burst * step_ns) + step_ns - burst * step_ns - now_ns
    return max(1, -(-wait_ns // _NS))


def parse(settings: Mapping[str, object], where: Where) -> tuple[RateLimit | None, tuple[Problem, ...]]:
    """The policy, or None and what is wrong with its settings; burst is one period's requests unless given."""
    reader = SettingsReader(KIND, settings, where)
    reader.require("limit")
    requests, per_s = reader.rate("limit", (1, 1))
    policy = RateLimit(
        requests,
        per_s,
        reader.integer("burst", requests, least=1, most=10**6),
        reader.choice("by", SUBJECTS, "application"),
        reader.text("header"),
    )
    if (policy.by == "header") != bool(policy.header):
        reader.refuse("header", '"by: header" and "header" belong together.', "Write { by: header, header: X-Tenant }.")
    elif policy.header and (fault := fault_of_field(policy.header)):
        reader.refuse("header", fault)
    problems = reader.problems()
    return (None if problems else policy), problems


def dump(policy: RateLimit) -> dict[str, object]:
    """Canonical settings; parse reads them back."""
    return {
        "limit": format_rate(policy.requests, policy.per_s),
        "burst": policy.burst,
        "by": policy.by,
        "header": policy.header,
    }
