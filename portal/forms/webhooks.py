"""What pages of webhooks ask."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apim.access.services import OVERLAPS_S
from apim.webhooks.events import TYPES
from apim.webhooks.models import LONGEST_URL

if TYPE_CHECKING:
    from datetime import datetime

_SINCE = {
    "1": _("in the last hour"),
    "24": _("in the last 24 hours"),
    "168": _("in the last 7 days"),
    "720": _("in the last 30 days"),
}
_OVERLAP_WORDS = (_("not at all: it stops now"), _("for 1 hour"), _("for 24 hours"), _("for 7 days"))


class EndpointForm(forms.Form):
    """Where to, and what of."""

    url = forms.CharField(
        label=_("URL"),
        max_length=LONGEST_URL,
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/webhooks", "autocomplete": "off"}),
        help_text=_("Events are sent here by POST, with https."),
    )
    description = forms.CharField(
        label=_("Name"), max_length=120, required=False, help_text=_("What your team calls it.")
    )
    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event.")},
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        """Every event there is, all of them chosen at first."""
        super().__init__(*args, **options)
        field = self.fields["event_types"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = list(TYPES.items())
        field.initial = list(TYPES)


class RollSecretForm(forms.Form):
    """For how long the old secret signs too."""

    overlap_s = forms.TypedChoiceField(
        label=_("The old secret keeps signing"),
        coerce=int,
        widget=forms.RadioSelect,
        choices=list(zip(OVERLAPS_S, _OVERLAP_WORDS, strict=True)),
        initial=OVERLAPS_S[2],
    )


class ReplayForm(forms.Form):
    """Since when failed deliveries are sent again."""

    hours = forms.TypedChoiceField(
        label=_("Send again what failed"), coerce=int, choices=list(_SINCE.items()), initial="24"
    )

    def since(self) -> datetime:
        """The moment that was chosen. Call after is_valid()."""
        return timezone.now() - timedelta(hours=self.cleaned_data["hours"])
