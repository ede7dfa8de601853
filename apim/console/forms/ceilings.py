"""The form of the ceilings above plans."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from apim.products.models import Ceiling


class CeilingForm(forms.ModelForm):
    """The most that plans may grant, and what they grant where they say nothing; empty inherits."""

    class Meta:
        model = Ceiling
        fields = Ceiling.LIMITS
        labels = {
            "max_rate_per_s": gettext_lazy("Most calls per second"),
            "max_per_hour": gettext_lazy("Most calls per hour"),
            "max_per_day": gettext_lazy("Most calls per day"),
            "max_per_month": gettext_lazy("Most calls per month"),
            "default_rate_per_s": gettext_lazy("Default calls per second"),
            "default_per_month": gettext_lazy("Default calls per month"),
        }
