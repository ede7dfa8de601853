"""What changing and ending a subscription asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portal.offers import PlanOffer

_NOW_WORDS = pgettext_lazy("when it ends", "now")


class SwitchForm(forms.Form):
    """Another plan of the same product."""

    plan = forms.ChoiceField(
        label=_("Plan"), widget=forms.RadioSelect, error_messages={"required": _("Choose a plan.")}
    )
    version = forms.CharField(required=False, max_length=32)  # what was shown of the plan
    shown_at = forms.IntegerField(required=False, min_value=0, max_value=2**40)

    def __init__(self, data: object = None, *, offers: Sequence[PlanOffer]) -> None:
        """Shapes: offers are the plans other than the one in force."""
        super().__init__(data)  # type: ignore[arg-type]  # request.POST or None
        self.offers = {offer.plan.name: offer for offer in offers if offer.is_open}
        field = self.fields["plan"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(name, offer.plan.display_name) for name, offer in self.offers.items()]

    def chosen(self) -> PlanOffer:
        """The plan chosen. Call after is_valid()."""
        return self.offers[self.cleaned_data["plan"]]


class CancelForm(forms.Form):
    """When a subscription ends."""

    NOW, PERIOD_END = "now", "month"
    when = forms.ChoiceField(
        label=_("It ends"),
        widget=forms.RadioSelect,
        choices=[(PERIOD_END, _("at the end of this month (UTC)")), (NOW, _NOW_WORDS)],
        initial=PERIOD_END,
    )

    def __init__(self, data: object = None, *, is_billed: bool = False) -> None:
        """Shapes: is_billed = the period is that of the invoices."""
        super().__init__(data)  # type: ignore[arg-type]  # request.POST or None
        if is_billed:
            field = self.fields["when"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            field.choices = [(self.PERIOD_END, _("at the end of the period that is paid")), (self.NOW, _NOW_WORDS)]
