"""Clauses: what terms say beside the prices; each a frozen value with the reading and the writing of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apim.pricing.faults import Fields
from apim.pricing.money import money_text

ON_EXCEED = ("bill", "block")
EXISTING = ("keep", "move")
THEN = ("block", "throttle", "allow")  # at the maximum spend
_METER_LIMIT = ("meter", "included", "onExceed", "hardCap")


@dataclass(frozen=True, slots=True)
class Trial:
    """Days at the beginning that cost nothing."""

    days: int
    payment_method: str = "not-required"  # or "required"
    on_end_without_card: str = "pause"  # or "cancel"

    def as_document(self) -> dict[str, Any]:
        """The clause as a Plan document says it."""
        return {
            "days": self.days,
            "paymentMethod": self.payment_method,
            "onEndWithoutCard": self.on_end_without_card,
        }


@dataclass(frozen=True, slots=True)
class MeterLimit:
    """How much of a meter the plan's price covers, and what happens above it."""

    meter: str
    included: int = 0
    on_exceed: str = "bill"
    hard_cap: int | None = None

    @property
    def stops_at(self) -> int | None:
        """Above what gateways refuse calls; None = nowhere."""
        bounds = [self.included] if self.on_exceed == "block" and self.included else []
        return min([*bounds, *([] if self.hard_cap is None else [self.hard_cap])], default=None)

    def as_document(self) -> dict[str, Any]:
        """The clause as a Plan document says it."""
        found: dict[str, Any] = {"meter": self.meter, "included": self.included, "onExceed": self.on_exceed}
        return found | ({"hardCap": self.hard_cap} if self.hard_cap is not None else {})


@dataclass(frozen=True, slots=True)
class MaximumSpend:
    """The most that a period costs, one-off fees apart.

    Shapes: then = what follows there: calls are blocked, throttled to a part of the rate, or allowed at no charge.
    """

    amount: Decimal
    then: str = "block"

    def as_document(self, currency: str) -> dict[str, Any]:
        """The clause as a Plan document says it."""
        return {"amount": money_text(self.amount, currency), "then": self.then}


@dataclass(frozen=True, slots=True)
class Dunning:
    """What follows an invoice that is not paid; the second half of the grace is restricted."""

    grace_days: int = 14
    then: str = "suspend"
    end_after_days: int = 45

    def as_document(self) -> dict[str, Any]:
        """The clause as a Plan document says it."""
        return {"graceDays": self.grace_days, "then": self.then, "endAfterDays": self.end_after_days}


@dataclass(frozen=True, slots=True)
class Change:
    """When a change of plan holds, and what of a begun period is given back."""

    upgrade: str = "immediate"
    downgrade: str = "period-end"
    proration: str = "time"

    def as_document(self) -> dict[str, Any]:
        """The clause as a Plan document says it."""
        return {"upgrade": self.upgrade, "downgrade": self.downgrade, "proration": self.proration}


def read_limits(fields: Fields) -> tuple[MeterLimit, ...]:
    """The limits that name a meter; rates and quotas are not this one's business."""
    limits: list[MeterLimit] = []
    for each in fields.items("limits"):
        if "meter" not in each.source:
            continue
        each.only(_METER_LIMIT)
        limit = MeterLimit(
            each.text("meter"),
            each.count("included", default=0),
            each.choice("onExceed", ON_EXCEED, default="bill"),
            each.count("hardCap", least=1) if "hardCap" in each.source else None,
        )
        if limit.hard_cap is not None and limit.hard_cap < limit.included:
            each.fault("hardCap", f"A hard cap below the {limit.included:,} included would take some away.")
        if any(limit.meter == other.meter for other in limits):
            each.fault("meter", f"There are two limits of the meter `{limit.meter}`.", "Make them one.")
        limits.append(limit)
    return tuple(limits)


def read_trial(fields: Fields) -> Trial | None:
    """The trial; None without one."""
    inside = fields.below("trial")
    if inside is None:
        return None
    inside.only(("days", "paymentMethod", "onEndWithoutCard"))
    return Trial(
        inside.count("days", least=1),
        inside.choice("paymentMethod", ("not-required", "required"), default="not-required"),
        inside.choice("onEndWithoutCard", ("pause", "cancel"), default="pause"),
    )


def read_maximum(fields: Fields, currency: str) -> MaximumSpend | None:
    """The most that a period costs; None without a bound."""
    inside = fields.below("maximumSpend")
    if inside is None:
        return None
    inside.only(("amount", "then"))
    return MaximumSpend(inside.amount("amount", currency), inside.choice("then", THEN, default="block"))


def read_dunning(fields: Fields) -> Dunning:
    """What follows an unpaid invoice."""
    inside = fields.below("dunning")
    if inside is None:
        return Dunning()
    inside.only(("graceDays", "then", "endAfterDays"))
    grace = inside.count("graceDays", default=14)
    end = inside.count("endAfterDays", least=1, default=max(45, grace + 1))
    if end <= grace:
        inside.fault("endAfterDays", f"The end comes after the {grace} days of grace.")
    return Dunning(grace, inside.choice("then", ("suspend",), default="suspend"), end)


def read_change(fields: Fields) -> Change:
    """When a change of plan holds."""
    inside = fields.below("change")
    if inside is None:
        return Change()
    inside.only(("upgrade", "downgrade", "proration"))
    moments = ("immediate", "period-end")
    return Change(
        inside.choice("upgrade", moments, default="immediate"),
        inside.choice("downgrade", moments, default="period-end"),
        inside.choice("proration", ("time", "max-consumption", "none"), default="time"),
    )


def read_existing(fields: Fields, *, is_priced: bool) -> str:
    """What becomes of subscriptions when the plan changes: `keep` for plans with prices unless said."""
    default = "keep" if is_priced else "move"
    inside = fields.below("migration")
    if inside is None:
        return default
    inside.only(("existing",))
    return inside.choice("existing", EXISTING, default=default)
