"""Forms of giving money back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.billing.giving import Left, Wish
from apim.billing.refund_mails import amount_words
from apim.console.forms.fields import offer_choices
from apim.fields import new_id

if TYPE_CHECKING:
    from apim.billing.models import Invoice

ALL, PART, LINES = "all", "part", "lines"
_WAYS = (
    ("card", gettext_lazy("To the card it was paid with")),
    ("balance", gettext_lazy("On the customer's balance: the next invoices are paid from it first")),
    ("outside", gettext_lazy("It was paid back outside of Stripe: only note it")),
)
_LINE = "line-"


class GiveBackForm(forms.Form):
    """What of an invoice is given back, how and why. `key` makes one of a form that is sent twice."""

    what = forms.ChoiceField(label=gettext_lazy("What"), widget=forms.RadioSelect, initial=ALL)
    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=20, required=False)
    way = forms.ChoiceField(label=gettext_lazy("How"), widget=forms.RadioSelect, choices=_WAYS, initial="card")
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Who paid reads it in the mail and on the credit note."),
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: Mapping[str, Any] | None, *, invoice: Invoice, left: Left) -> None:
        super().__init__(data, initial={"key": new_id("key")})
        self._lines = {f"{_LINE}{number}": line for number, line in enumerate(left.lines) if left.lines[line]}
        choices = [
            (ALL, gettext("All that is left: %(amount)s") % {"amount": amount_words(left.amount, invoice.currency)}),
            (PART, gettext("An amount of it")),
        ]
        if self._lines:
            choices.append((LINES, gettext("Lines, or parts of them")))
        offer_choices(self, "what", choices)
        self.fields["amount"].label = gettext("Amount in %(currency)s") % {"currency": invoice.currency}
        names = {line.get("id"): line["name"] for line in invoice.lines}
        for name, line in self._lines.items():
            self.fields[name] = forms.CharField(
                label=gettext("Of “%(names)s”") % {"names": names[line]},
                max_length=20,
                required=False,
                help_text=gettext("At most %(lines)s.") % {"lines": amount_words(left.lines[line], invoice.currency)},
            )
        self.order_fields(["what", "amount", *self._lines, "way", "reason", "key"])

    def clean(self) -> dict[str, Any]:
        """What is chosen is filled in."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("what") == PART and not data.get("amount"):
            self.add_error("amount", gettext("Say how much."))
        if data.get("what") == LINES and not any(data.get(name) for name in self._lines):
            self.add_error("what", gettext("Say how much of at least one line."))
        return data

    def wish(self) -> Wish:
        """What was wished for, once the form is valid."""
        data = self.cleaned_data
        if data["what"] == PART:
            return Wish(data["way"], amount=data["amount"])
        if data["what"] == LINES:
            return Wish(data["way"], lines={line: data[name] for name, line in self._lines.items() if data[name]})
        return Wish(data["way"])

    def place_of(self, field: str) -> str:
        """The field of a line that a service names by the line's id."""
        return next((name for name, line in self._lines.items() if field == f"lines.{line}"), field)


class GoodwillForm(forms.Form):
    """A credit that pays for the next invoices."""

    amount = forms.CharField(label=gettext_lazy("Amount"), max_length=20)
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"), help_text=gettext_lazy("Those that it was charged in so far.")
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("They read it in a mail."),
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: Mapping[str, Any] | None, *, currencies: list[str]) -> None:
        super().__init__(data, initial={"key": new_id("key")})
        offer_choices(self, "currency", [(each, each) for each in currencies])
