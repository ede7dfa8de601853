"""What narrows the log of an application."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apim.usage.request_log import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from apim.access.models import Credential

_RANGES: Final = {
    "": _("the last 7 days"),
    "1h": _("the last hour"),
    "24h": _("the last 24 hours"),
}
_HOURS: Final = {"1h": 1, "24h": 24}
_LONGEST_STATUS: Final = 3


class RequestFilterForm(forms.Form):
    """Operation, key and time; the kind of answer is chosen beside it and kept here."""

    status = forms.CharField(required=False, max_length=_LONGEST_STATUS, widget=forms.HiddenInput)
    operation = forms.CharField(
        label=_("Operation"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": "GET /accounts", "autocomplete": "off"}),
    )
    key = forms.ChoiceField(label=_("Key"), required=False)
    range = forms.ChoiceField(label=pgettext_lazy("a span", "Time"), required=False, choices=list(_RANGES.items()))

    def __init__(self, data: Mapping[str, object], *, credentials: Iterable[Credential]) -> None:
        """Shapes: credentials are those of the application, dead ones too."""
        super().__init__(data)
        field = self.fields["key"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        keys = [(each.id, f"{each.shown} {each.label}".strip()) for each in credentials]
        field.choices = [("", _("every key")), *keys]

    def wanted(self) -> Wanted:
        """What is asked for; a value that is none counts as not asked."""
        self.is_valid()
        data = self.cleaned_data
        hours = _HOURS.get(data.get("range", ""))
        return Wanted(
            status=data.get("status", ""),
            operation=data.get("operation", ""),
            credential_id=data.get("key", ""),
            since=timezone.now() - timedelta(hours=hours) if hours else None,
        )
