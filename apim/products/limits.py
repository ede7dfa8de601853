"""Limits as people write them, and as plan versions keep them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.translation import gettext as _

from apim.errors import DomainError, Invalid, Problems
from apim.pricing.terms import parse_terms
from apim.products.models import PlanVersion
from gateway_sync.policies import units

PERIODS = ("hour", "day", "month")
_LARGEST = 10**12
_LARGEST_RATE = 10**6
_LONGEST_RATE_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan version grants.

    Shapes: rate = {"requests", "per_s", "burst"} or None; quotas = [{"requests", "per": "hour"|"day"|"month"}];
    pricing = what a Plan document says about money and meters, None when it says nothing.
    """

    approval: str = PlanVersion.Approval.AUTO
    rate: Mapping[str, int] | None = None
    quotas: Sequence[Mapping[str, Any]] = ()
    timezone: str = "UTC"
    pricing: Mapping[str, Any] | None = None

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

    Errors: Problems with fields `rate`, `quotas.<index>`, `approval`, `timezone`, `pricing.<way to the fault>`.
    """
    errors: list[DomainError] = []
    if terms.approval not in PlanVersion.Approval.values:
        hint = _("One of %(names)s.") % {"names": ", ".join(PlanVersion.Approval.values)}
        errors.append(
            Invalid(
                "products.approval",
                _("`%(approval)s` is no approval.") % {"approval": terms.approval},
                field="approval",
                hint=hint,
            )
        )
    if terms.rate is not None and (fault := _rate_fault(terms.rate)):
        errors.append(Invalid("products.rate", fault, field="rate"))
    errors += _quota_errors(terms.quotas)
    if not _is_timezone(terms.timezone):
        message = _("There is no time zone `%(timezone)s`.") % {"timezone": terms.timezone}
        errors.append(Invalid("products.timezone", message, field="timezone", hint=_("Such as `Europe/Berlin`.")))
    pricing, pricing_faults = parse_terms(terms.pricing or {})
    for each in pricing_faults:
        errors.append(Invalid("products.pricing", each.message, field=".".join(("pricing", *each.at)), hint=each.hint))
    if errors or pricing is None:
        raise Problems(tuple(errors))
    quotas = sorted(terms.quotas, key=lambda quota: PERIODS.index(quota["per"]))
    return Terms(
        approval=str(terms.approval),
        rate={name: terms.rate[name] for name in ("requests", "per_s", "burst")} if terms.rate is not None else None,
        quotas=[{"requests": quota["requests"], "per": quota["per"]} for quota in quotas],
        timezone=terms.timezone,
        pricing=pricing.as_document() or None,
    )


def _rate_fault(rate: Mapping[str, Any]) -> str:
    if set(rate) != {"requests", "per_s", "burst"}:
        return "A rate has requests, per_s and burst."
    if not _is_count(rate["requests"], _LARGEST_RATE) or not _is_count(rate["per_s"], _LONGEST_RATE_S):
        return f"A rate is 1 to {_LARGEST_RATE:,} requests each 1 to {_LONGEST_RATE_S:,} seconds."
    return "" if _is_count(rate["burst"], _LARGEST_RATE) else f"A burst is 1 to {_LARGEST_RATE:,} requests."


def _quota_errors(quotas: Sequence[Mapping[str, Any]]) -> list[DomainError]:
    errors: list[DomainError] = []
    seen: set[str] = set()
    for index, quota in enumerate(quotas):
        field, per = f"quotas.{index}", quota.get("per")
        if set(quota) != {"requests", "per"} or per not in PERIODS:
            message = _("A quota has requests, and per as one of %(names)s.") % {"names": ", ".join(PERIODS)}
            errors.append(Invalid("products.quota", message, field=field))
        elif not _is_count(quota["requests"], _LARGEST):
            message = _("A quota is 1 to %(largest)s requests.") % {"largest": f"{_LARGEST:,}"}
            errors.append(Invalid("products.quota", message, field=field))
        elif per in seen:
            errors.append(Invalid("products.quota", _("There are two quotas per %(per)s.") % {"per": per}, field=field))
        seen.add(str(per))
    return errors


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # none such, or a name that is no safe path
        return False
    return True
