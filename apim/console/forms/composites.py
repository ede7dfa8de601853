"""The form of a version's composites: their text, as documents have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.confined.refusals import read_confined
from apim.console.forms.versions import NoteField
from apim.errors import DomainError
from apim.openapi.source import SourceFault, read_yaml, write_yaml
from apim.ui.said import said

LINES = 28


class CompositesForm(forms.Form):
    """All composites of a version in YAML, by operation; empty = none."""

    composites = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": LINES, "class": "mono", "spellcheck": "false"}),
        label=gettext_lazy("Composites"),
        help_text=gettext_lazy("YAML: each operation with its steps, as in `composites` of a document."),
    )
    note = NoteField()

    def clean_composites(self) -> dict[str, Any]:
        """The mapping that the text is; what it means is judged when it is saved."""
        text = self.cleaned_data["composites"]
        if not text.strip():
            return {}
        try:
            values = read_confined(read_yaml, "composites", text)
        except SourceFault as fault:
            text = (
                gettext("Line %(line)s: %(fault)s") % {"line": fault.line, "fault": said(str(fault))}
                if fault.line
                else str(fault)
            )
            raise ValidationError(text, code="yaml") from fault
        except DomainError as error:
            raise ValidationError(f"{error.message} {error.hint}", code=error.code) from error
        if len(values) != 1 or not isinstance(values[0], Mapping):
            raise ValidationError(
                gettext("Write operations and their steps, such as `POST /transfers:`."), code="shape"
            )
        return dict(values[0])


def written_composites(composites: Mapping[str, Any]) -> str:
    """The text that the form begins with."""
    return write_yaml(dict(composites)) if composites else ""
