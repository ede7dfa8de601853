"""Plans: the terms that live subscriptions refer to, checked."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway_sync.policies.patterns import is_pattern
from gateway_sync.problems import Problem, Where
from gateway_sync.rows import CapRow, PlanVersionRow, QuotaRow
from gateway_sync.snapshot import Cap, Plan, Quota, Rate

_PERIODS = ("hour", "day", "month", "period")
_ON_EXCEED = ("block", "bill", "warn")
_UNITS = ("calls", "units", "bytes")
_WINDOWS = ("calendar", "anchored")
_ANCHORED = ("day", "month", "period")
_SOURCES = ("requests", "bytes", "request-bytes", "response-bytes")
_COMPARISONS = {
    **dict.fromkeys(("method", "operation"), ("==", "!=")),
    **dict.fromkeys(("status", "status_class"), ("==", "!=", "<=", ">=", "<", ">")),
}
_INTERVALS = ("day", "week", "month", "quarter", "year")
_MAX_COUNT = 2**53 - 1  # what every reader of JSON keeps exactly


def compile_plan(row: PlanVersionRow) -> tuple[Plan | None, list[Problem]]:
    """The plan, or None with what is wrong with it."""
    where = Where("plan", row.id)
    problems: list[Problem] = []
    rate = None
    if row.rate is not None:
        rate = Rate(row.rate.requests, row.rate.per_s, row.rate.burst)
        if not all(_is_count(number) for number in (rate.requests, rate.per_s, rate.burst)):
            message = "The rate, its seconds and its burst must be whole numbers above 0."
            problems.append(Problem("plan.E001", message, where, "Write it like 10/s with a burst of 20."))
    problems += [problem for quota in row.quotas if (problem := _quota_problem(quota, where))]
    periods = [(_length_of(quota, row.interval), quota.on_exceed == "block", quota.unit) for quota in row.quotas]
    if len(periods) != len(set(periods)):
        problems.append(Problem("plan.E002", "The plan has two quotas of one unit for one period.", where))
    problems += [_weight_problem(name, where) for name, weight in row.weights.items() if not _is_weight(name, weight)]
    problems += [Problem("plan.E007", fault, where) for cap in row.caps if (fault := _cap_fault(cap))]
    if len({cap.meter for cap in row.caps}) != len(row.caps):
        problems.append(Problem("plan.E007", "The plan has two caps of one meter.", where))
    if row.interval not in _INTERVALS:
        message = f'A plan cannot be billed each "{row.interval}".'
        problems.append(Problem("plan.E005", message, where, f"Use one of {', '.join(_INTERVALS)}."))
    try:
        ZoneInfo(row.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f'"{row.timezone}" is no known time zone.'
        problems.append(Problem("plan.E003", message, where, "Use a name like Europe/Berlin."))
    if problems:
        return None, problems
    quotas = tuple(
        Quota(quota.requests, quota.per, quota.on_exceed, quota.unit, quota.window)
        for quota in sorted(
            row.quotas, key=lambda q: (_PERIODS.index(q.per), q.on_exceed, _UNITS.index(q.unit), q.window)
        )
    )
    plan = Plan(
        row.id,
        row.plan,
        row.number,
        rate,
        quotas,
        row.timezone,
        row.interval,
        row.is_postpaid,
        dict(row.weights),
        row.is_sharing,
        tuple(
            Cap(cap.meter, cap.hard, cap.soft, cap.source, cap.weights, cap.where)
            for cap in sorted(row.caps, key=lambda cap: cap.meter)
        ),
        row.is_served_unrecorded,
    )
    return plan, []


def _length_of(quota: QuotaRow, interval: str) -> tuple[str, str]:
    """What tells the windows of two quotas apart."""
    is_billed = quota.window == "anchored" and quota.per == "period"
    return quota.window, interval if is_billed else quota.per


def _quota_problem(quota: QuotaRow, where: Where) -> Problem | None:
    if quota.per not in _PERIODS:
        message = f'A quota cannot be per "{quota.per}".'
        return Problem("plan.E002", message, where, f"Use one of {', '.join(_PERIODS)}.")
    if quota.on_exceed not in _ON_EXCEED:
        message = f'A quota cannot "{quota.on_exceed}" when it is exceeded.'
        return Problem("plan.E002", message, where, f"Use one of {', '.join(_ON_EXCEED)}.")
    if quota.unit not in _UNITS:
        message = f'A quota cannot count "{quota.unit}".'
        return Problem("plan.E002", message, where, f"Use one of {', '.join(_UNITS)}.")
    if quota.window not in _WINDOWS or (quota.window == "anchored" and quota.per not in _ANCHORED):
        message = f'A quota per "{quota.per}" cannot be "{quota.window}".'
        return Problem("plan.E002", message, where, f"Use one of {', '.join(_ANCHORED)} for an anchored one.")
    if quota.window == "anchored" and quota.on_exceed != "block":
        return Problem("plan.E002", "An anchored quota must block.", where)
    if not _is_count(quota.requests):
        return Problem("plan.E002", "A quota must be a whole number above 0.", where)
    return None


def _cap_fault(cap: CapRow) -> str:
    """What is wrong with a cap; "" when nothing is."""
    bounds = [bound for bound in (cap.hard, cap.soft) if bound]
    if not cap.meter.isascii() or not cap.meter.replace("-", "").replace("_", "").isalnum():
        return "A cap names its meter."
    if not bounds or not all(map(_is_count, bounds)):
        return f'The cap of "{cap.meter}" must be a whole number above 0.'
    if cap.source not in _SOURCES:
        return f'A cap cannot count "{cap.source}".'
    if not all(is_pattern(name) and (weight == 0 or _is_count(weight)) for name, weight in cap.weights):
        return f'The weights of "{cap.meter}" cannot be used.'
    if not all(_is_condition(*each) for each in cap.where):
        return f'What "{cap.meter}" counts cannot be told by a gateway.'
    return ""


def _is_condition(name: str, comparison: str, value: str | int) -> bool:
    wanted = str if name in {"method", "operation"} else int
    return comparison in _COMPARISONS.get(name, ()) and isinstance(value, wanted)


def _is_weight(name: str, weight: int) -> bool:
    return is_pattern(name) and _is_count(weight)


def _weight_problem(name: str, where: Where) -> Problem:
    message = f'The weight of "{name}" cannot be used.'
    return Problem("plan.E006", message, where, "Name an operation or a pattern, and a whole number above 0.")


def _is_count(number: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 < number <= _MAX_COUNT
