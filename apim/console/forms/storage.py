"""The form of retention: a number of days for each family of rows."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.platform.storage import FAMILIES


class RetentionForm(forms.Form):
    """How long rows are kept, within bounds."""

    is_seen = forms.BooleanField(required=False, label=_("What is older may be deleted; it cannot be brought back"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for family in FAMILIES:
            self.fields[family.name] = forms.IntegerField(
                min_value=family.least,
                max_value=family.most,
                label=gettext("%(title)s, days") % {"title": family.title},
                widget=forms.NumberInput(attrs={"class": "input"}),
                help_text=gettext("%(least)d to %(most)d days") % {"least": family.least, "most": family.most},
            )
