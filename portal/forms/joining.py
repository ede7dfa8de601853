"""What somebody who confirms an address chooses."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy


class PasswordForm(forms.Form):
    """A password; the rules for it are the service's."""

    password = forms.CharField(
        label=gettext_lazy("Choose a password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
        help_text=gettext_lazy("At least 8 characters, not only digits and not a common one."),
    )
