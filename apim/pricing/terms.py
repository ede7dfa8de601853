"""Terms: all that the Plan document says about money, read, checked as a whole, and written again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apim.pricing.clauses import (
    Change,
    Dunning,
    MaximumSpend,
    MeterLimit,
    Trial,
    read_change,
    read_dunning,
    read_existing,
    read_limits,
    read_maximum,
    read_trial,
)
from apim.pricing.faults import Fault, Fields
from apim.pricing.money import money_text
from apim.pricing.parts import Flat, Part, Prepaid, Tier, Volume, part_document, read_part

INTERVALS = ("day", "week", "month", "year")
FIELDS = (
    "currency",
    "interval",
    "trial",
    "prices",
    "limits",
    "minimumSpend",
    "maximumSpend",
    "dunning",
    "change",
    "migration",
)
# What else a Plan document says; its shape is checked with the document.
OTHER_FIELDS = (
    "organization",
    "displayName",
    "description",
    "approval",
    "timezone",
    "visibility",
    "offeredTo",
)
_PARTS_AT_MOST = 50


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan costs and how it is charged. Shapes: currency "" and no prices for a plan without prices."""

    currency: str = ""
    interval: str = "month"
    prices: tuple[Part, ...] = ()
    limits: tuple[MeterLimit, ...] = ()
    trial: Trial | None = None
    minimum_spend: Decimal = Decimal(0)
    maximum_spend: MaximumSpend | None = None
    dunning: Dunning = Dunning()  # noqa: RUF009 - frozen
    change: Change = Change()  # noqa: RUF009 - frozen
    existing: str = "move"

    @property
    def is_priced(self) -> bool:
        """True when something must be paid for."""
        return bool(self.prices)

    @property
    def meters(self) -> tuple[str, ...]:
        """The meters that prices and limits name, in their order."""
        named = [part.meter for part in self.prices if hasattr(part, "meter")]
        return tuple(dict.fromkeys([*named, *(limit.meter for limit in self.limits)]))

    @property
    def recurring(self) -> Decimal:
        """What each period costs before any usage."""
        flat = sum((part.amount for part in self.prices if isinstance(part, Flat)), Decimal(0))
        return max(flat, self.minimum_spend)

    @property
    def prepaid(self) -> Prepaid | None:
        """The part by which usage is paid in advance."""
        return next((part for part in self.prices if isinstance(part, Prepaid)), None)

    def limit_of(self, meter: str) -> MeterLimit | None:
        """The limit of a meter."""
        return next((limit for limit in self.limits if limit.meter == meter), None)

    def as_document(self) -> dict[str, Any]:
        """The terms as a Plan document says them; defaults are written out where there are prices."""
        found: dict[str, Any] = {"currency": self.currency, "interval": self.interval} if self.is_priced else {}
        if self.trial:
            found["trial"] = self.trial.as_document()
        if self.prices:
            found["prices"] = [part_document(part, self.currency) for part in self.prices]
        if self.limits:
            found["limits"] = [limit.as_document() for limit in self.limits]
        if self.minimum_spend:
            found["minimumSpend"] = money_text(self.minimum_spend, self.currency)
        if self.maximum_spend:
            found["maximumSpend"] = self.maximum_spend.as_document(self.currency)
        if self.is_priced:
            found |= {"dunning": self.dunning.as_document(), "change": self.change.as_document()}
        if self.is_priced or self.existing != "move":
            found["migration"] = {"existing": self.existing}
        return found


def parse_terms(spec: Mapping[str, Any]) -> tuple[Terms | None, tuple[Fault, ...]]:
    """The terms in the `spec` of a Plan document, or every fault found.

    Shapes: of `limits`, those that name a meter; rates and quotas are not its business.
    """
    faults: list[Fault] = []
    fields = Fields(spec, (), faults)
    fields.only((*FIELDS, *OTHER_FIELDS))
    currency = fields.currency()
    inside = fields.items("prices")
    if inside and not currency and "currency" not in spec:
        fields.fault("", "`currency` is missing.", "Prices are in one currency, such as `EUR`.")
    if len(inside) > _PARTS_AT_MOST:
        fields.fault("prices", f"At most {_PARTS_AT_MOST} prices.")
    read = [read_part(each, currency) for each in inside]
    prices = tuple(part for part in read if part is not None)
    terms = Terms(
        currency=currency,
        interval=fields.choice("interval", INTERVALS, default="month"),
        prices=prices,
        limits=read_limits(fields),
        trial=read_trial(fields),
        minimum_spend=fields.amount("minimumSpend", currency, default="0"),
        maximum_spend=read_maximum(fields, currency),
        dunning=read_dunning(fields),
        change=read_change(fields),
        existing=read_existing(fields, is_priced=bool(inside)),
    )
    if not faults:
        _check_whole(terms, fields)
    return (None if faults else terms), tuple(faults)


def remarks_on(terms: Terms) -> tuple[str, ...]:
    """What is allowed and yet surprises: said beside the plan, never refused."""
    found = []
    for part in terms.prices:
        if isinstance(part, Volume) and any(_is_cheaper(*pair) for pair in _pairs(part)):
            found.append(f"`{part.name}`: with volume tiers a bill can fall as usage grows past a tier's bound.")
        tiers: Sequence[Tier] = getattr(part, "tiers", ())
        limit = terms.limit_of(getattr(part, "meter", ""))
        if tiers and limit and limit.included and (tiers[0].unit or tiers[0].flat):
            found.append(
                f"`{part.name}`: the limit says that {limit.included:,} are included, but the first tier has a price;"
                " tiers decide."
            )
    return tuple(found)


def beyond_limits(terms: Terms, usage: Mapping[str, Decimal]) -> tuple[tuple[str, int], ...]:
    """(meter, what its limit admits) of each meter with more usage than gateways let pass in a period."""
    bounds = [(limit.meter, limit.stops_at) for limit in terms.limits]
    return tuple((meter, most) for meter, most in bounds if most is not None and usage.get(meter, 0) > most)


def _pairs(part: Volume) -> list[tuple[Tier, Tier]]:
    return list(zip(part.tiers, part.tiers[1:], strict=False))


def _is_cheaper(lower: Tier, upper: Tier) -> bool:
    bound = Decimal(lower.up_to or 0)
    return (bound + 1) * upper.unit + upper.flat < bound * lower.unit + lower.flat


def _check_whole(terms: Terms, fields: Fields) -> None:
    """What single fields cannot say: names once, one top-up, a cap above what is due anyway, prices before spends."""
    seen: set[str] = set()
    metered: set[str] = set()
    for index, part in enumerate(terms.prices):
        inside = Fields(fields.source["prices"][index], ("prices", str(index)), fields.faults)
        if part.name in seen:
            inside.fault("name", f"There are two prices named `{part.name}`.", "A name stands on the invoice: once.")
        seen.add(part.name)
        meter = getattr(part, "meter", "")
        if meter and meter in metered:
            inside.fault("meter", f"The meter `{meter}` has a price already.", "Put its tiers into one price.")
        metered |= {meter} if meter else set()
    if sum(isinstance(part, Prepaid) for part in terms.prices) > 1:
        fields.fault("prices", "A plan has one prepaid balance.", "Leave one `prepaid` price.")
    if terms.prepaid and not metered:
        fields.fault("prices", "Credits need a meter to be spent on.", "Add a price such as `model: unit`.")
    for name in ("minimumSpend", "maximumSpend", "trial"):
        if name in fields.source and not terms.is_priced:
            fields.fault(name, f"`{name}` needs prices.", "Add `currency` and `prices`, or leave it out.")
    cap = terms.maximum_spend
    if cap is not None and cap.amount < terms.recurring:
        due = money_text(terms.recurring, terms.currency)
        fields.fault("maximumSpend", f"It is below the {due} that each period costs anyway.", "Raise it.")
