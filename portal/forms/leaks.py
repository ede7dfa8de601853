"""What the page for found keys asks."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.access.services import LONGEST_REPORT


class LeakForm(forms.Form):
    """A key, and where it was."""

    key = forms.CharField(
        label=_("The key, or the text that holds it"),
        max_length=LONGEST_REPORT,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("Keys and tokens of this installation begin with apim_."),
    )
    found_at = forms.CharField(
        label=_("Where you found it"), max_length=500, required=False, help_text=_("Such as the address of a page.")
    )
