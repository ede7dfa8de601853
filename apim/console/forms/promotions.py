"""Forms of environments and promotions."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.console.forms.fields import NameField


class NewEnvironmentForm(forms.Form):
    """What an environment is called."""

    name = NameField(label=_("Name"))
    display_name = forms.CharField(required=False, max_length=120, label=_("Name shown"))


class PromotionForm(forms.Form):
    """Why, and which plan was looked at."""

    digest = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=500, label=_("Reason"), help_text=_("Kept in the audit log."))
    waiver = forms.CharField(
        required=False,
        max_length=1000,
        label=_("Why it is right that callers break"),
        help_text=_("Only where a revision breaks applications that call it; kept in the audit log."),
    )
