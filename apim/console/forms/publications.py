"""The form of who takes an environment back, or lets it follow again."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class DecisionForm(forms.Form):
    """Why, and which state was looked at."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=500, label=_("Reason"), help_text=_("Shown beside the publication, and kept in the audit log.")
    )
