"""Forms of what one wants to spend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class CapForm(forms.Form):
    """The most to be spent in a billing period."""

    cap = forms.CharField(
        label=_("At most"),
        max_length=20,
        required=False,
        help_text=_("In a billing period, before taxes. Empty takes the cap away."),
    )

    def __init__(self, data: Mapping[str, Any] | None, *, currency: str, cap: str) -> None:
        super().__init__(data, initial={"cap": cap})
        self.fields["cap"].label = _("At most, in %(currency)s") % {"currency": currency}


class UsageMailsForm(forms.Form):
    """Whether usage is told by mail."""

    wants_mails = forms.BooleanField(
        label=_("Tell us by mail at 50, 80 and 100 % of what is included or may be spent, and at 120 %"), required=False
    )
