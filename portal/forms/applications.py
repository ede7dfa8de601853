"""What an application and its keys are made from."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.access.services import OVERLAPS_S
from apim.gateways.chains import LONGEST_PEM
from apim.ui.language import filled
from apim.ui.templatetags.formats import span_in_words
from portal.forms.teams import TeamChoiceForm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_LIFETIMES_DAYS = (30, 90, 365)
_span_words = lazy(lambda seconds: gettext("for %(span)s") % {"span": span_in_words(seconds)}, str)


class ApplicationForm(forms.Form):
    """The words about an application."""

    display_name = forms.CharField(label=_("Name"), max_length=60, help_text=_("What your team calls the program."))
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class NewApplicationForm(TeamChoiceForm, ApplicationForm):
    """A new application."""

    field_order = ("display_name", "description", "team")


class NetworksForm(forms.Form):
    """Where a key may be used from."""

    allowed_networks = forms.CharField(
        label=_("Allowed networks"),
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One a line, such as 203.0.113.0/24 or 2001:db8::/32. Left empty, it may be used from anywhere."),
    )

    def networks(self) -> list[str]:
        """The lines. Call after is_valid()."""
        text: str = self.cleaned_data["allowed_networks"]
        return text.replace(",", "\n").splitlines()


class LifetimeForm(forms.Form):
    """What a credential is called, and when it ends."""

    label = forms.CharField(
        label=_("Label"),
        max_length=120,
        required=False,
        help_text=_("Where will it be used? For example: staging server."),
    )
    lifetime = forms.TypedChoiceField(
        label=_("Expires"),
        coerce=int,
        choices=[
            (0, _("Never")),
            *((days, filled(_("After %(days)s days"), {"days": days})) for days in _LIFETIMES_DAYS),
        ],
    )

    def expires_at(self) -> datetime | None:
        """The moment the key dies by itself; None = never. Call after is_valid()."""
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=days) if days else None


class KeyForm(LifetimeForm, NetworksForm):
    """A new key."""

    field_order = ("label", "lifetime", "allowed_networks")


class ClientForm(LifetimeForm):
    """A client of an issuer."""

    issuer = forms.CharField(
        label=_("Issuer"),
        max_length=512,
        help_text=_("What iss is in the client's tokens, such as https://login.example.com."),
    )
    client_id = forms.CharField(label=_("Client id"), max_length=512, help_text=_("What the client is called in them."))
    field_order = ("issuer", "client_id", "label", "lifetime")

    def __init__(self, *args: Any, issuers: Iterable[str], **options: Any) -> None:
        """issuers are the registered ones that are open to the application."""
        super().__init__(*args, **options)
        if names := format_html_join(", ", "<code>{}</code>", ((issuer,) for issuer in issuers)):
            self.fields["issuer"].help_text = format_html(
                gettext("What iss is in the client's tokens. Registered for your organization: {issuers}."),
                issuers=names,
            )


class CertificateForm(forms.Form):
    """A client certificate."""

    certificate = forms.CharField(
        label=_("Certificate"),
        max_length=LONGEST_PEM,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("PEM, without the private key; or the SHA-256 fingerprint."),
    )
    label = forms.CharField(label=_("Label"), max_length=120, required=False, help_text=_("Where will it be used?"))


class RollForm(forms.Form):
    """For how long the old key goes on."""

    overlap_s = forms.TypedChoiceField(
        label=_("The old key keeps working"),
        coerce=int,
        widget=forms.RadioSelect,
        choices=[
            (seconds, _span_words(seconds) if seconds else _("not at all: it stops now")) for seconds in OVERLAPS_S
        ],
        initial=OVERLAPS_S[2],
    )
