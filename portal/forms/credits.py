"""What buying credits asks. Amounts are typed in the currency's own digits, and become minor units."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.pricing.money import from_minor, minor_digits, money_text, to_minor
from apim.pricing.words import amount_words

if TYPE_CHECKING:
    from apim.billing.models import CreditAccount


class TopUpForm(forms.Form):
    """One of the amounts that the plan offers, and whether its card may be charged later."""

    amount = forms.TypedChoiceField(label=_("Amount"), coerce=int, error_messages={"required": _("Choose an amount.")})
    keeps_card = forms.BooleanField(
        required=False,
        label=_("Keep the card for automatic top-ups"),
        help_text=_("Nothing is bought automatically before you turn that on below."),
    )

    def __init__(self, data: object = None, *, offers: Sequence[int], currency: str) -> None:
        """Shapes: offers in minor units."""
        super().__init__(data)  # type: ignore[arg-type]  # request.POST or None
        field = self.fields["amount"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - declared above
        self.offers = [(offer, amount_words(from_minor(offer, currency), currency)) for offer in offers]
        field.choices = self.offers


class AutomaticForm(forms.Form):
    """When a top-up is bought by itself, which one, and how much of them a month at most."""

    is_on = forms.BooleanField(required=False, label=_("Buy top-ups automatically"))
    below = forms.DecimalField(min_value=0, max_digits=15, label=_("When the balance is below"))
    amount = forms.TypedChoiceField(coerce=int, label=_("Top-up"))
    monthly_cap = forms.DecimalField(
        min_value=0, max_digits=15, label=_("At most in a month"), help_text=_("Of automatic top-ups; months by UTC.")
    )

    def __init__(
        self, data: object = None, *, account: CreditAccount, offers: Sequence[int], proposed: int, currency: str
    ) -> None:
        """Shapes: offers and proposed, the plan's own threshold, in minor units."""
        below = account.automatic_below or proposed or offers[0] // 4
        cap = account.automatic_monthly_cap or offers[0] * 5
        initial = {
            "is_on": bool(account.automatic_amount),
            "below": money_text(from_minor(below, currency), currency),
            "amount": account.automatic_amount or offers[0],
            "monthly_cap": money_text(from_minor(cap, currency), currency),
        }
        super().__init__(data, initial=initial, prefix="automatic")  # type: ignore[arg-type]  # request.POST or None
        field = self.fields["amount"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - declared above
        field.choices = [(offer, amount_words(from_minor(offer, currency), currency)) for offer in offers]
        self.currency = currency
        for name in ("below", "monthly_cap"):
            self.fields[name].label = _("%(label)s, in %(currency)s") % {
                "label": self.fields[name].label,
                "currency": currency,
            }

    def clean_below(self) -> int:
        """In minor units."""
        return self._minor(self.cleaned_data["below"])

    def clean_monthly_cap(self) -> int:
        """In minor units."""
        return self._minor(self.cleaned_data["monthly_cap"])

    def _minor(self, value: Decimal) -> int:
        try:
            return to_minor(value, self.currency)
        except ValueError:
            digits = minor_digits(self.currency)
            message = _("%(currency)s has %(digits)s decimal places.") % {"currency": self.currency, "digits": digits}
            raise forms.ValidationError(message, code="too_fine") from None
