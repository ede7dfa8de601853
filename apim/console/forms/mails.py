"""The form of a mail's text."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.mails.writing import Source


class MailTextForm(forms.Form):
    """Subject and body, with placeholders; what may stand in them, the service says."""

    subject = forms.CharField(max_length=200, label=_("Subject"), widget=forms.TextInput(attrs={"spellcheck": "true"}))
    body = forms.CharField(
        max_length=10_000,
        label=_("Text"),
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "true"}),
        help_text=_("Plain text or Markdown. A line whose placeholders are all empty is left out."),
    )

    @property
    def source(self) -> Source:
        """What was typed, its lines ended as everywhere."""
        return Source(self.cleaned_data["subject"], self.cleaned_data["body"].replace("\r\n", "\n"))
