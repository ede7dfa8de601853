"""The form of the document editor: the text, and the revision that it was read from."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.console.forms.versions import NoteField

EDITED_BYTES_AT_MOST = 1_000_000


class EditorForm(forms.Form):
    """Shapes: seen is the number of the revision that the page showed, 0 = none; it plays the part of an ETag."""

    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    text = forms.CharField(
        strip=False,
        label=gettext_lazy("OpenAPI document"),
        widget=forms.Textarea(
            attrs={
                "rows": 28,
                "class": "code editor__text",
                "spellcheck": "false",
                "autocapitalize": "none",
                "autocomplete": "off",
                "wrap": "off",
            }
        ),
    )
    note = NoteField()

    def clean_text(self) -> str:
        """The text with the line ends of files, no larger than what a page can carry."""
        text = str(self.cleaned_data["text"]).replace("\r\n", "\n")
        size = len(text.encode())
        if size > EDITED_BYTES_AT_MOST:
            message = _("The document has %(size)s bytes; here at most %(most)s. Import it as a file.")
            raise ValidationError(
                message, code="too_large", params={"size": f"{size:,}", "most": f"{EDITED_BYTES_AT_MOST:,}"}
            )
        return text
