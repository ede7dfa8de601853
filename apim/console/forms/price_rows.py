"""Forms about one price and one limit of a plan, a row each, and the tiers as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.pricing.faults import At

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_MODELS = (
    ("", gettext_lazy("No price: leave this row out")),
    ("flat", gettext_lazy("Fixed, each period")),
    ("setup", gettext_lazy("Fixed, once")),
    ("unit", gettext_lazy("Each unit")),
    ("graduated", gettext_lazy("Tiers, each unit at its tier's price")),
    ("volume", gettext_lazy("Tiers, all units at the last tier's price")),
    ("package", gettext_lazy("Packages, a begun one counts")),
    ("prepaid", gettext_lazy("Prepaid credits")),
)
_PLACES_OF_PRICE = {
    "amount": "price",
    "unit": "price",
    "topUps": "top_ups",
    "expiresAfterDays": "expires_after_days",
    "autoTopUp": "proposed_below",
}
_AMOUNT = {"inputmode": "decimal", "autocomplete": "off"}


def amount_field(label: str | _StrPromise, help_text: str | _StrPromise = "") -> forms.CharField:
    """A field for an amount of money, as text: no digit of it is lost."""
    return forms.CharField(
        required=False, max_length=30, label=label, help_text=help_text, widget=forms.TextInput(attrs=_AMOUNT)
    )


class MeterRow(forms.Form):
    """A row that may name a meter."""

    meter = forms.ChoiceField(required=False, label=gettext_lazy("Meter"))

    def __init__(self, *args: Any, meters: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["meter"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [("", gettext("None")), *((name, name) for name in meters)]


class PriceRow(MeterRow):
    """One price."""

    model = forms.ChoiceField(choices=_MODELS, required=False, label=gettext_lazy("How it is charged"))
    name = forms.CharField(
        required=False, max_length=60, label=gettext_lazy("Name"), help_text=gettext_lazy("On invoices.")
    )
    price = amount_field(gettext_lazy("Price"), gettext_lazy("Of a period, a unit, a package or a top-up."))
    size = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Units in a package"))
    tiers = forms.CharField(
        required=False,
        label=gettext_lazy("Tiers"),
        help_text=gettext_lazy(
            "One a line: the last unit, `:`, and the price of a unit, perhaps `+` a fee. `*` is the last tier."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "placeholder": "100000: 0\n*: 0.0004"}),
    )
    minimum = amount_field(gettext_lazy("At least"))
    top_ups = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Other top-ups"),
        help_text=gettext_lazy("Spaces between them: 50.00 200.00."),
    )
    included = amount_field(gettext_lazy("Included in each period"), gettext_lazy("Credits that come and go with it."))
    expires_after_days = forms.IntegerField(
        required=False, min_value=1, label=gettext_lazy("Bought credits end after days")
    )
    proposed_below = amount_field(
        gettext_lazy("Propose automatic top-ups below"), gettext_lazy("Each subscriber decides.")
    )

    def document(self) -> dict[str, Any]:
        """What the row says, as a Plan document says it. Shapes: {} for a row that is left out."""
        data = self.cleaned_data
        model = data.get("model")
        if not model:
            return {}
        found: dict[str, Any] = {"model": model} | ({"name": data["name"]} if data["name"] else {})
        if model in {"unit", "graduated", "volume", "package"}:
            found |= {"meter": data["meter"]} | ({"minimum": data["minimum"]} if data["minimum"] else {})
        if model in {"graduated", "volume"}:
            return found | {"tiers": read_tiers(data["tiers"])}
        if data["price"]:
            found["unit" if model == "unit" else "amount"] = data["price"]
        if model == "package" and data["size"]:
            found["size"] = data["size"]
        return found | self._credits() if model == "prepaid" else found

    def _credits(self) -> dict[str, Any]:
        """What else a prepaid price says."""
        data = self.cleaned_data
        found: dict[str, Any] = {"topUps": data["top_ups"].split()} if data["top_ups"].split() else {}
        if data["included"]:
            found["included"] = data["included"]
        if data["expires_after_days"]:
            found["expiresAfterDays"] = data["expires_after_days"]
        return found | ({"autoTopUp": {"below": data["proposed_below"]}} if data["proposed_below"] else {})

    def field_of(self, at: At) -> str | None:
        """The field for a place within the row's part of the document."""
        if not at:
            return "price" if self.cleaned_data.get("model") in {"flat", "setup", "unit", "prepaid"} else None
        return _PLACES_OF_PRICE.get(at[0], at[0] if at[0] in self.fields else None)


class LimitRow(MeterRow):
    """How much of a meter is included, and what happens above."""

    included = forms.IntegerField(required=False, min_value=0, label=gettext_lazy("Included"))
    on_exceed = forms.ChoiceField(
        choices=(("bill", gettext_lazy("it is billed")), ("block", gettext_lazy("calls are blocked"))),
        required=False,
        label=gettext_lazy("Above that"),
    )
    hard_cap = forms.IntegerField(required=False, min_value=1, label=gettext_lazy("Never more than"))

    def document(self) -> dict[str, Any]:
        """What the row says, as a Plan document says it. Shapes: {} for a row that is left out."""
        data = self.cleaned_data
        if not data.get("meter"):
            return {}
        found = {"meter": data["meter"], "included": data["included"] or 0, "onExceed": data["on_exceed"] or "bill"}
        return found | ({"hardCap": data["hard_cap"]} if data["hard_cap"] else {})

    def field_of(self, at: At) -> str | None:
        """The field for a place within the row's part of the document."""
        return {"onExceed": "on_exceed", "hardCap": "hard_cap"}.get(at[0], at[0]) if at else None


PriceRows = forms.formset_factory(PriceRow, extra=0, max_num=50)
LimitRows = forms.formset_factory(LimitRow, extra=0, max_num=50)


def read_tiers(text: str) -> list[dict[str, Any]]:
    """The tiers of a text area; what is no number is left for the judge."""
    tiers: list[dict[str, Any]] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        bound, _, price = line.rpartition(":")
        unit, _, flat = price.partition("+")
        tier: dict[str, Any] = {"unit": unit.strip()} | ({"flat": flat.strip()} if flat.strip() else {})
        if bound.strip() not in {"", "*"}:
            digits = bound.strip().replace(",", "")
            tier["upTo"] = int(digits) if digits.isdecimal() else bound.strip()
        tiers.append(tier)
    return tiers


def write_tiers(tiers: Iterable[Mapping[str, Any]]) -> str:
    """The tiers of a document as the text area has them."""
    return "\n".join(
        f"{tier.get('upTo', '*')}: {tier['unit']}" + (f" + {tier['flat']}" if "flat" in tier else "") for tier in tiers
    )
