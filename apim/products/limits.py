"""Limits as people write them, and as plan versions keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

from apim.errors import DomainError, Invalid, Problems
from apim.listing import enumerated
from apim.pricing.terms import parse_terms
from apim.products.models import PlanVersion
from gateway_sync.policies import units
from gateway_sync.policies.patterns import is_pattern

PERIODS = ("hour", "day", "month")
BILLING_PERIOD = "period"  # of the plan's interval, counted from the subscription's own beginning
QUOTA_PERIODS = (*PERIODS, BILLING_PERIOD)
CALENDAR, ANCHORED = WINDOWS = ("calendar", "anchored")
_ANCHORABLE = ("day", "month", BILLING_PERIOD)
CALLS, UNITS, BYTES = QUOTA_UNITS = ("calls", "units", "bytes")
_LARGEST = {CALLS: 10**12, UNITS: 10**12, BYTES: 10**15}
_HEAVIEST = 1_000_000
_MOST_WEIGHTS = 200
_LARGEST_RATE = 10**6
_LONGEST_RATE_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan version grants.

    Shapes: rate = {"requests", "per_s", "burst"} or None; quotas = [{"requests", "per": one of QUOTA_PERIODS}], with
    "unit": "bytes"|"units" where they are not calls, and "window": "anchored" where a day or month is counted from the
    subscription's own beginning, as periods always are; weights = what calls of operations cost in units, 1 unless
    named; when_unconfirmed as of PlanVersion; pricing = what a Plan document says about money and meters, None when it
    says nothing.
    """

    approval: str = PlanVersion.Approval.AUTO
    rate: Mapping[str, int] | None = None
    quotas: Sequence[Mapping[str, Any]] = ()
    timezone: str = "UTC"
    pricing: Mapping[str, Any] | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    when_unconfirmed: str = ""
    when_unrecorded: str = "refuse"

    @property
    def moves_existing(self) -> bool:
        """True when subscriptions of earlier versions get these terms at once, as without prices they do."""
        kept = (self.pricing or {}).get("migration", {}).get("existing") == "keep"
        return not kept


def parse_rate(text: str, burst: int | None = None) -> dict[str, int]:
    """The rate in text such as `10/s`, `100/m` or `5/10s`; the burst, when none is given, is one interval's requests.

    Errors: Invalid products.rate.
    """
    parsed = units.parse_rate(text)
    if parsed is None:
        raise Invalid(
            "products.rate",
            _("`%(text)s` is not a rate.") % {"text": text},
            field="rate",
            hint=_("Write it like `10/s` or `600/m`."),
        )
    requests, per_s = parsed
    return {"requests": requests, "per_s": per_s, "burst": burst if burst is not None else requests}


def format_rate(rate: Mapping[str, int]) -> str:
    """The rate as parse_rate reads it, without its burst."""
    return units.format_rate(rate["requests"], rate["per_s"])


def checked_terms(terms: Terms) -> Terms:
    """The terms in the one form that is kept and compared: quotas by period, shortest first; prices with defaults.

    Errors: Problems with fields `rate`, `quotas.<index>`, `weights`, `when_unconfirmed`, `approval`, `timezone`,
    `pricing.<way to the fault>`.
    """
    errors: list[DomainError] = []
    if terms.approval not in PlanVersion.Approval.values:
        message = _("`%(approval)s` is no approval.") % {"approval": terms.approval}
        hint = _("One of %(names)s.") % {"names": enumerated(PlanVersion.Approval.values)}
        errors.append(Invalid("products.approval", message, field="approval", hint=hint))
    if terms.rate is not None and (fault := _rate_fault(terms.rate)):
        errors.append(Invalid("products.rate", fault, field="rate"))
    errors += _quota_errors(terms.quotas) or _mixed_errors(terms.quotas, terms.pricing) or _weight_errors(terms)
    if terms.when_unconfirmed not in PlanVersion.WhenUnconfirmed.values:
        message = _("`%(name)s` says nothing of quotas that cannot be confirmed.") % {"name": terms.when_unconfirmed}
        hint = _("One of %(names)s.") % {"names": "refuse, share"}
        errors.append(Invalid("products.when_unconfirmed", message, field="when_unconfirmed", hint=hint))
    errors += _unrecorded_errors(terms)
    if not _is_timezone(terms.timezone):
        message = _("There is no time zone `%(timezone)s`.") % {"timezone": terms.timezone}
        errors.append(Invalid("products.timezone", message, field="timezone", hint=_("Such as `Europe/Berlin`.")))
    pricing, pricing_faults = parse_terms(terms.pricing or {})
    for each in pricing_faults:
        errors.append(Invalid("products.pricing", each.message, field=".".join(("pricing", *each.at)), hint=each.hint))
    if errors or pricing is None:
        raise Problems(tuple(errors))
    quotas = sorted(
        terms.quotas, key=lambda quota: (QUOTA_PERIODS.index(quota["per"]), QUOTA_UNITS.index(unit_of(quota)))
    )
    return Terms(
        approval=str(terms.approval),
        rate={name: terms.rate[name] for name in ("requests", "per_s", "burst")} if terms.rate is not None else None,
        quotas=[
            {"requests": quota["requests"], "per": quota["per"]}
            | ({} if unit_of(quota) == CALLS else {"unit": unit_of(quota)})
            | ({"window": ANCHORED} if is_anchored(quota) and quota["per"] != BILLING_PERIOD else {})
            for quota in quotas
        ],
        timezone=terms.timezone,
        pricing=pricing.as_document() or None,
        weights=dict(terms.weights),
        when_unconfirmed=str(terms.when_unconfirmed),
        when_unrecorded=str(terms.when_unrecorded),
    )


def _unrecorded_errors(terms: Terms) -> list[DomainError]:
    """What is paid for is counted, or not served."""
    if terms.when_unrecorded not in PlanVersion.WhenUnrecorded.values:
        message = _("`%(name)s` says nothing of calls that cannot be recorded.") % {"name": terms.when_unrecorded}
        hint = _("One of %(names)s.") % {"names": "refuse, serve"}
        return [Invalid("products.when_unrecorded", message, field="when_unrecorded", hint=hint)]
    if terms.when_unrecorded == PlanVersion.WhenUnrecorded.SERVE and (terms.pricing or {}).get("prices"):
        message = _("A plan with prices cannot serve calls that are not recorded.")
        hint = _("Leave it at `refuse`, or take the prices out.")
        return [Invalid("products.when_unrecorded", message, field="when_unrecorded", hint=hint)]
    return []


def unit_of(quota: Mapping[str, Any]) -> str:
    """What a quota counts: calls, units or bytes."""
    return str(quota.get("unit") or CALLS)


def is_anchored(quota: Mapping[str, Any]) -> bool:
    """True when it is counted from the subscription's own beginning, not by the calendar."""
    return quota.get("per") == BILLING_PERIOD or quota.get("window") == ANCHORED


def interval_of(quota: Mapping[str, Any], pricing: Mapping[str, Any] | None) -> str:
    """How long its window is: hour, day, month, or what a plan of this pricing bills by."""
    billed = str((pricing or {}).get("interval") or "month")
    return billed if quota["per"] == BILLING_PERIOD else str(quota["per"])


def _rate_fault(rate: Mapping[str, Any]) -> str:
    if set(rate) != {"requests", "per_s", "burst"}:
        return "A rate has requests, per_s and burst."
    if not _is_count(rate["requests"], _LARGEST_RATE) or not _is_count(rate["per_s"], _LONGEST_RATE_S):
        return f"A rate is 1 to {_LARGEST_RATE:,} requests each 1 to {_LONGEST_RATE_S:,} seconds."
    return "" if _is_count(rate["burst"], _LARGEST_RATE) else f"A burst is 1 to {_LARGEST_RATE:,} requests."


def _quota_errors(quotas: Sequence[Mapping[str, Any]]) -> list[DomainError]:
    errors: list[DomainError] = []
    seen: set[tuple[str, str]] = set()
    for index, quota in enumerate(quotas):
        at, per, unit = f"quotas.{index}", quota.get("per"), unit_of(quota)
        if set(quota) - {"unit", "window"} != {"requests", "per"} or per not in QUOTA_PERIODS:
            message = _("A quota has requests, and per as one of %(names)s.") % {"names": enumerated(QUOTA_PERIODS)}
            errors.append(Invalid("products.quota", message, field=at))
        elif not _is_window(quota):
            message = _("A quota is anchored per %(names)s, and a billing period always is.")
            errors.append(Invalid("products.quota", message % {"names": enumerated(_ANCHORABLE)}, field=at))
        elif unit not in QUOTA_UNITS:
            message = _("A quota counts one of %(names)s.") % {"names": enumerated(QUOTA_UNITS)}
            errors.append(Invalid("products.quota", message, field=at))
        elif not _is_count(quota["requests"], _LARGEST[unit]):
            message = _("A quota is 1 to %(largest)s %(unit)s.") % {"largest": f"{_LARGEST[unit]:,}", "unit": unit}
            errors.append(Invalid("products.quota", message, field=at))
        elif (str(per), unit) in seen:
            message = _("There are two quotas of %(unit)s per %(per)s.") % {"unit": unit, "per": per}
            errors.append(Invalid("products.quota", message, field=at))
        seen.add((str(per), unit))
    return errors


def _is_window(quota: Mapping[str, Any]) -> bool:
    window, per = quota.get("window") or "", quota["per"]
    if window == ANCHORED:
        return per in _ANCHORABLE
    return window in {"", CALENDAR} and not (window and per == BILLING_PERIOD)


def _mixed_errors(quotas: Sequence[Mapping[str, Any]], pricing: Mapping[str, Any] | None) -> list[DomainError]:
    """What is wrong with quotas beside one another, each of which is right."""
    by_day = [quota for quota in quotas if quota["per"] in {"day", "month"}]
    if len({is_anchored(quota) for quota in by_day}) > 1:
        message = _("Days and months of a plan are all of the calendar, or all anchored.")
        return [Invalid("products.quota", message, field="quotas")]
    lengths = [(interval_of(quota, pricing), unit_of(quota)) for quota in quotas if is_anchored(quota)]
    if len(lengths) > len(set(lengths)):
        message = _("Two anchored quotas count the same: the plan's billing period is as long as the other.")
        return [Invalid("products.quota", message, field="quotas")]
    return []


def _weight_errors(terms: Terms) -> list[DomainError]:
    """What is wrong with weights, for quotas that are right."""
    most = min((quota["requests"] for quota in terms.quotas if unit_of(quota) == UNITS), default=0)
    if terms.weights and not most:
        message, hint = _("Weights count for a quota of units, and there is none."), _("Add one, or leave them out.")
        return [Invalid("products.weights", message, field="weights", hint=hint)]
    if len(terms.weights) > _MOST_WEIGHTS:
        message = _("At most %(most)s weights.") % {"most": _MOST_WEIGHTS}
        return [Invalid("products.weights", message, field="weights")]
    errors: list[DomainError] = []
    for name, weight in terms.weights.items():
        words = {"name": name, "most": f"{min(most, _HEAVIEST):,}"}
        if not is_pattern(name):
            message = _("`%(name)s` is no operation.") % words
            hint = _("A method or `*`, and a path: `POST /transfers`.")
            errors.append(Invalid("products.weights", message, field="weights", hint=hint))
        elif not _is_count(weight, min(most, _HEAVIEST)):
            message = _("The weight of `%(name)s` is 1 to %(most)s: no call may cost more than the quota has.") % words
            errors.append(Invalid("products.weights", message, field="weights"))
    return errors


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # none such, or a name that is no safe path
        return False
    return True
