"""The form that switches the living demo."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class DemoForm(forms.Form):
    """What is asked before made traffic begins; the box only where the installation looks like production."""

    is_production_meant = forms.BooleanField(
        required=False,
        label=_("Run it in production all the same"),
        help_text=_("Made calls will stand in charts beside those of real customers until you remove the demo."),
    )

    def __init__(self, *arguments: object, is_production: bool, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type] # Django's own
        if not is_production:
            del self.fields["is_production_meant"]
