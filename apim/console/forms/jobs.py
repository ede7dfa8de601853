"""Forms about long work."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.console.forms.fields import offer_choices
from apim.console.jobs import STATES, kinds_of_work


class JobFilterForm(forms.Form):
    """Filters of the list of jobs, kept in the URL."""

    kind = forms.ChoiceField(required=False, label=gettext_lazy("Kind"))
    state = forms.ChoiceField(required=False, label=gettext_lazy("State"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, list[tuple[str, Any]]] = {
            "kind": [*kinds_of_work()],
            "state": [("running", gettext("Running")), *STATES],
        }
        for name, offered in choices.items():
            offer_choices(self, name, [("", gettext("Any")), *offered])
