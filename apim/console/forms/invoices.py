"""Forms of giving money back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms

from apim.billing.giving import Left, Wish
from apim.billing.refund_mails import amount_words
from apim.fields import new_id

if TYPE_CHECKING:
    from apim.billing.models import Invoice

ALL, PART, LINES = "all", "part", "lines"
_WAYS = (
    ("card", "To the card it was paid with"),
    ("balance", "On the customer's balance: the next invoices are paid from it first"),
    ("outside", "It was paid back outside of Stripe: only note it"),
)
_LINE = "line-"


class GiveBackForm(forms.Form):
    """What of an invoice is given back, how and why. `key` makes one of a form that is sent twice."""

    what = forms.ChoiceField(label="What", widget=forms.RadioSelect, initial=ALL)
    amount = forms.CharField(label="Amount", max_length=20, required=False)
    way = forms.ChoiceField(label="How", widget=forms.RadioSelect, choices=_WAYS, initial="card")
    reason = forms.CharField(
        label="Reason",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Who paid reads it in the mail and on the credit note.",
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: Mapping[str, Any] | None, *, invoice: Invoice, left: Left) -> None:
        super().__init__(data, initial={"key": new_id("key")})
        self._lines = {f"{_LINE}{number}": line for number, line in enumerate(left.lines) if left.lines[line]}
        choices = [(ALL, f"All that is left: {amount_words(left.amount, invoice.currency)}"), (PART, "An amount of it")]
        if self._lines:
            choices.append((LINES, "Lines, or parts of them"))
        self.fields["what"].choices = choices  # type: ignore[attr-defined]
        self.fields["amount"].label = f"Amount in {invoice.currency}"
        names = {line.get("id"): line["name"] for line in invoice.lines}
        for name, line in self._lines.items():
            self.fields[name] = forms.CharField(
                label=f"Of “{names[line]}”",
                max_length=20,
                required=False,
                help_text=f"At most {amount_words(left.lines[line], invoice.currency)}.",
            )
        self.order_fields(["what", "amount", *self._lines, "way", "reason", "key"])

    def clean(self) -> dict[str, Any]:
        """What is chosen is filled in."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("what") == PART and not data.get("amount"):
            self.add_error("amount", "Say how much.")
        if data.get("what") == LINES and not any(data.get(name) for name in self._lines):
            self.add_error("what", "Say how much of at least one line.")
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

    amount = forms.CharField(label="Amount", max_length=20)
    currency = forms.ChoiceField(label="Currency", help_text="Those that it was charged in so far.")
    reason = forms.CharField(
        label="Reason", max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text="They read it in a mail."
    )
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, data: Mapping[str, Any] | None, *, currencies: list[str]) -> None:
        super().__init__(data, initial={"key": new_id("key")})
        self.fields["currency"].choices = [(each, each) for each in currencies]  # type: ignore[attr-defined]
