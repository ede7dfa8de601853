"""Forms about what a plan costs: the plan's own fields, and all of a page together.

They write what a Plan document says; `apim.pricing` judges it, and each fault comes to stand at its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from apim.console.forms.fields import BELOW
from apim.console.forms.price_rows import amount_field, write_tiers
from apim.pricing.faults import At, Fault
from apim.pricing.money import CURRENCIES
from apim.pricing.terms import INTERVALS, Terms, parse_terms
from apim.ui.said import said_both

_INTERVALS = {
    "day": gettext_lazy("day"),
    "week": gettext_lazy("week"),
    "month": gettext_lazy("month"),
    "year": gettext_lazy("year"),
}
_COMMON = ("EUR", "USD", "GBP", "CHF", "JPY", "KRW", "KWD")


class PricingForm(forms.Form):
    """What holds for all prices of a plan."""

    currency = forms.ChoiceField(
        choices=[(code, code) for code in (*_COMMON, *sorted(set(CURRENCIES) - set(_COMMON)))],
        initial="EUR",
        label=gettext_lazy("Currency"),
    )
    interval = forms.ChoiceField(
        choices=[(interval, _INTERVALS[interval]) for interval in INTERVALS],
        initial="month",
        label=gettext_lazy("Invoiced each"),
    )
    trial_days = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Free days at the beginning"))
    trial_card = forms.ChoiceField(
        choices=(("not-required", gettext_lazy("No card needed")), ("required", gettext_lazy("With a card"))),
        initial="not-required",
        label=gettext_lazy("Trial"),
    )
    trial_end = forms.ChoiceField(
        choices=(("pause", gettext_lazy("pauses")), ("cancel", gettext_lazy("ends"))),
        initial="pause",
        label=gettext_lazy("Without a card it then"),
    )
    minimum_spend = amount_field(
        gettext_lazy("Costs at least"), gettext_lazy("A period; what is missing becomes a line of the invoice.")
    )
    maximum_spend = amount_field(
        gettext_lazy("Costs at most"), gettext_lazy("A period; what is above becomes a line that takes it off.")
    )
    maximum_then = forms.ChoiceField(
        choices=(
            ("block", gettext_lazy("are refused")),
            ("throttle", gettext_lazy("pass at a quarter of the rate")),
            ("allow", gettext_lazy("go on at no charge")),
        ),
        initial="block",
        required=False,
        label=gettext_lazy("Calls then"),
    )
    grace_days = forms.IntegerField(
        min_value=0,
        initial=14,
        label=gettext_lazy("Days of grace"),
        help_text=gettext_lazy("After a failed payment; slower in the second half."),
    )
    end_days = forms.IntegerField(min_value=1, initial=45, label=gettext_lazy("Ends after days"))
    upgrade = forms.ChoiceField(
        choices=(("immediate", gettext_lazy("at once")), ("period-end", gettext_lazy("at the period's end"))),
        label=gettext_lazy("A dearer plan holds"),
    )
    downgrade = forms.ChoiceField(
        choices=(("period-end", gettext_lazy("at the period's end")), ("immediate", gettext_lazy("at once"))),
        label=gettext_lazy("A cheaper plan holds"),
    )
    proration = forms.ChoiceField(
        choices=(
            ("time", gettext_lazy("by time")),
            ("max-consumption", gettext_lazy("by time or quota used")),
            ("none", gettext_lazy("nothing")),
        ),
        label=gettext_lazy("Given back of a begun period"),
    )
    existing = forms.ChoiceField(
        choices=(
            ("keep", gettext_lazy("keep what they agreed to")),
            ("move", gettext_lazy("move to the new version at once")),
        ),
        label=gettext_lazy("Subscribers, when the plan changes,"),
    )

    _PLACES: ClassVar[Mapping[str, str]] = {
        "trial/days": "trial_days",
        "trial/paymentMethod": "trial_card",
        "trial/onEndWithoutCard": "trial_end",
        "trial": "trial_days",
        "minimumSpend": "minimum_spend",
        "maximumSpend": "maximum_spend",
        "maximumSpend/amount": "maximum_spend",
        "maximumSpend/then": "maximum_then",
        "dunning/graceDays": "grace_days",
        "dunning/endAfterDays": "end_days",
        "currency": "currency",
        "interval": "interval",
    }

    def document(self) -> dict[str, Any]:
        """What the form says, as a Plan document says it."""
        data = self.cleaned_data
        found: dict[str, Any] = {
            "currency": data["currency"],
            "interval": data["interval"],
            "dunning": {"graceDays": data["grace_days"], "endAfterDays": data["end_days"]},
            "change": {name: data[name] for name in ("upgrade", "downgrade", "proration")},
            "migration": {"existing": data["existing"]},
        }
        if data["trial_days"]:
            found["trial"] = {
                "days": data["trial_days"],
                "paymentMethod": data["trial_card"],
                "onEndWithoutCard": data["trial_end"],
            }
        if data["minimum_spend"]:
            found["minimumSpend"] = data["minimum_spend"]
        if data["maximum_spend"]:
            found["maximumSpend"] = {"amount": data["maximum_spend"], "then": data["maximum_then"] or "block"}
        return found

    def field_of(self, at: At) -> str | None:
        """The field for a place of the document."""
        return self._PLACES.get("/".join(at))


class PricesForms(forms.Form):
    """The forms of the page as one: what is at fault comes to stand at the field that it is about."""

    def __init__(self, form: PricingForm, prices: Any, limits: Any) -> None:
        super().__init__()
        self.form = form
        self._rows = {
            "prices": [row for row in prices if row.document()],
            "limits": [row for row in limits if row.document()],
        }

    def pricing(self) -> dict[str, Any]:
        """The whole as a Plan document says it. Shapes: only limits for a plan without prices."""
        prices = [row.document() for row in self._rows["prices"]]
        limits = [row.document() for row in self._rows["limits"]]
        found = {**self.form.document(), "prices": prices} if prices else {}
        return found | ({"limits": limits} if limits else {})

    def read(self) -> Terms | None:
        """The terms; None when something is at fault, which then stands at its field."""
        terms, faults = parse_terms(self.pricing())
        for fault in faults:
            self.place(fault)
        return terms

    def place(self, fault: Fault) -> None:
        """Put a fault where it belongs."""
        error = ValidationError(said_both(fault.message, fault.hint), code="pricing")
        group, _, rest = "/".join(fault.at).partition("/")
        if group in self._rows and rest:
            index, _, inner = rest.partition("/")
            row = self._rows[group][int(index)]
            row.add_error(row.field_of(tuple(inner.split("/")) if inner else ()), error)
            if not self.form.errors:
                self.form.add_error(None, BELOW)
        else:
            self.form.add_error(self.form.field_of(fault.at), error)

    def add_error(self, field: str | None, error: Any) -> None:
        """Put what a service refused to the plan's own form; its words name the price."""
        self.form.add_error(self.form.field_of((field,)) if field else None, error)


def initial_of(pricing: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The forms' values for a pricing that exists: of the plan's own form, of prices, of limits."""
    trial, dunning, change = pricing.get("trial", {}), pricing.get("dunning", {}), pricing.get("change", {})
    own = {
        "currency": pricing.get("currency"),
        "interval": pricing.get("interval"),
        "trial_days": trial.get("days"),
        "trial_card": trial.get("paymentMethod"),
        "trial_end": trial.get("onEndWithoutCard"),
        "minimum_spend": pricing.get("minimumSpend"),
        "maximum_spend": pricing.get("maximumSpend", {}).get("amount"),
        "maximum_then": pricing.get("maximumSpend", {}).get("then"),
        "grace_days": dunning.get("graceDays"),
        "end_days": dunning.get("endAfterDays"),
        "existing": pricing.get("migration", {}).get("existing"),
        **change,
    }
    prices = [
        {
            "model": price["model"],
            "name": price["name"],
            "meter": price.get("meter", ""),
            "price": price.get("unit") or price.get("amount", ""),
            "size": price.get("size"),
            "tiers": write_tiers(price.get("tiers", ())),
            "minimum": price.get("minimum", ""),
            "top_ups": " ".join(price.get("topUps", ())),
            "included": price.get("included", ""),
            "expires_after_days": price.get("expiresAfterDays"),
            "proposed_below": price.get("autoTopUp", {}).get("below", ""),
        }
        for price in pricing.get("prices", ())
    ]
    limits = [
        {
            "meter": limit["meter"],
            "included": limit.get("included"),
            "on_exceed": limit.get("onExceed"),
            "hard_cap": limit.get("hardCap"),
        }
        for limit in pricing.get("limits", ())
    ]
    return {name: value for name, value in own.items() if value is not None}, prices, limits


class SampleForm(forms.Form):
    """A usage of each meter to simulate."""

    def __init__(self, data: Any, *, meters: Sequence[str], initial: Mapping[str, int]) -> None:
        super().__init__(data, prefix="usage")
        for meter in meters:
            self.fields[meter] = forms.IntegerField(
                required=False, min_value=0, max_value=10**15, label=meter, initial=initial.get(meter)
            )

    def usage(self) -> dict[str, Decimal]:
        """The quantities; those left empty are the sample's own."""
        self.is_valid()
        typed = getattr(self, "cleaned_data", {})
        return {
            name: Decimal(typed[name] if typed.get(name) is not None else field.initial or 0)
            for name, field in self.fields.items()
        }
