"""What handing an application over asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.access.services import OVERLAPS_S
from apim.ui.templatetags.formats import span_in_words

if TYPE_CHECKING:
    from django.http import QueryDict

    from apim.accounts.models import Organization

KEEP = "keep"
_rolled = lazy(
    lambda seconds: gettext("New keys; the old ones go on for %(span)s") % {"span": span_in_words(seconds)}, str
)


class OfferForm(forms.Form):
    """Whom an application is offered to."""

    to = forms.CharField(
        label=_("To"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
        help_text=_("The name of an organization, such as acme-corp, or the e-mail address of somebody in it."),
    )
    note = forms.CharField(label=_("A word to them"), required=False, max_length=255)


class AcceptForm(forms.Form):
    """Who takes an application, and what becomes of its keys."""

    organization = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    agreed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    keys = forms.ChoiceField(
        label=_("Keys"),
        widget=forms.RadioSelect,
        initial=KEEP,
        choices=[
            (KEEP, _("Keep them: they go on as they are. Who had the application before knows them.")),
            *((str(seconds), _rolled(seconds)) for seconds in OVERLAPS_S[1:]),
            ("0", _("New keys; the old ones stop now")),
        ],
    )

    def __init__(self, data: QueryDict | None = None, *, organization: Organization | None, agreed: str) -> None:
        """organization is the one shown; agreed names what was shown."""
        shown = {"organization": organization.pk if organization else "", "agreed": agreed}
        super().__init__(data, initial=shown)

    def show(self, agreed: str) -> None:
        """Ask about what is shown now, whatever was agreed to before."""
        self.data = {**{name: self.data.get(name, "") for name in self.fields}, "agreed": agreed}

    def overlap_s(self) -> int | None:
        """For how long old keys go on; None = all keys stay. Call after is_valid()."""
        keys: str = self.cleaned_data["keys"]
        return None if keys == KEEP else int(keys)
