"""What the estimator asks."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.pricing import CALLS_AT_MOST


class EstimateForm(forms.Form):
    """So many calls a month."""

    calls = forms.IntegerField(min_value=0, max_value=CALLS_AT_MOST, label=_("Calls a month"))
