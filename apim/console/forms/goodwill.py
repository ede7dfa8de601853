"""What giving credits asks."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.pricing.money import minor_digits, to_minor


class GoodwillForm(forms.Form):
    """Credits that cost nothing, and why. Shapes: the key makes sending the form twice give them once."""

    amount = forms.DecimalField(min_value=Decimal(0), max_digits=15, label=gettext_lazy("Amount"))
    reason = forms.CharField(
        max_length=255, label=gettext_lazy("Reason"), help_text=gettext_lazy("The subscriber sees it in the ledger.")
    )
    expires_at = forms.DateTimeField(
        label=gettext_lazy("Until (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty: they do not end."),
    )
    key = forms.RegexField(r"^[0-9a-z]{8,40}$", widget=forms.HiddenInput)

    def __init__(self, data: object = None, *, currency: str, key: str) -> None:
        """Shapes: key is a fresh one for a form that is shown."""
        super().__init__(data, initial={"key": key})  # type: ignore[arg-type]  # request.POST or None
        self.currency = currency
        self.fields["amount"].label = gettext("Amount in %(currency)s") % {"currency": currency}

    def clean_amount(self) -> int:
        """In minor units."""
        try:
            return to_minor(self.cleaned_data["amount"], self.currency)
        except ValueError:
            message = gettext("%(currency)s has %(currency2)s decimal places.") % {
                "currency": self.currency,
                "currency2": minor_digits(self.currency),
            }
            raise forms.ValidationError(message, code="too_fine") from None
