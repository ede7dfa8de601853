"""Forms of the look: words, colours and links; a picture."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.branding.models import Look
from apim.branding.pictures import MOST_BYTES
from apim.console.forms.fields import LinesField

ACCENTS = {"accent_light": "light", "accent_dark": "dark"}


class LinksField(LinesField):
    """One link a line, `Label | https://…`; gives them as [{"label", "url"}]."""

    def prepare_value(self, value: object) -> object:
        """One link a line."""
        if isinstance(value, list | tuple):
            return "\n".join(f"{link['label']} | {link['url']}" for link in value)
        return value

    def clean(self, value: object) -> list[dict[str, str]]:  # type: ignore[override]  # links are made of lines
        """The links; what is wrong with one, the service says."""
        parts = (line.partition("|") for line in super().clean(value))
        return [{"label": label.strip(), "url": url.strip()} for label, _bar, url in parts]


class LookForm(forms.ModelForm):
    """What the portal calls itself, its accent, and where its footer leads."""

    links = LinksField(
        required=False, label=_("Links of the footer"), help_text=_("One a line: Label | https://example.com/page")
    )
    imprint_url = forms.URLField(required=False, label=_("Imprint"), assume_scheme="https")
    terms_url = forms.URLField(required=False, label=_("Terms of use"), assume_scheme="https")
    privacy_url = forms.URLField(required=False, label=_("Privacy"), assume_scheme="https")

    class Meta:
        model = Look
        fields = ("portal_name", "accent_light", "accent_dark", "links", "imprint_url", "terms_url", "privacy_url")
        labels = {
            "portal_name": _("Name of the portal"),
            "accent_light": _("Accent on light pages"),
            "accent_dark": _("Accent on dark pages"),
        }
        help_texts = {
            "portal_name": _("In the top bar, in titles and in mails."),
            "accent_light": _("Such as #2b4fd8. Words in it need a contrast of 4.5 on white; edges ask for 3."),
            "accent_dark": _("Empty: the nearest to the other one that can be read on dark pages."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ACCENTS:
            self.fields[name].widget.attrs |= {"spellcheck": "false", "autocomplete": "off", "autocapitalize": "none"}

    def _post_clean(self) -> None:
        """Nothing: the service judges the row."""


class PictureForm(forms.Form):
    """A picture to show in place of the built-in one."""

    picture = forms.FileField(
        label=_("PNG or WebP file"), widget=forms.ClearableFileInput(attrs={"accept": "image/png,image/webp"})
    )

    def clean_picture(self) -> bytes:
        """Its bytes, and one more than it may have at most."""
        content: bytes = self.cleaned_data["picture"].read(MOST_BYTES + 1)
        return content
