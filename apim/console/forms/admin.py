"""Forms of the admin pages: environments, mail, tokens, the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.scopes import SCOPES
from apim.console.forms.fields import DayField, LinesField, offer_choices
from apim.gateways.models import Environment
from apim.gateways.services import REVOCATION_AGES_S
from apim.notifications.models import MailServer

_GROUPS: Final = (
    (gettext_lazy("Name and address"), ("display_name", "base_url")),
    (
        gettext_lazy("Where upstreams may be"),
        ("allowed_networks", "allow_public_networks", "allow_unverified_upstreams"),
    ),
    (gettext_lazy("Limits of client addresses"), ("address_rate_per_s", "address_burst")),
    (gettext_lazy("Gateways that are cut off"), ("max_revocation_age_s",)),
    (gettext_lazy("Sandbox"), ("has_sandbox",)),
    (gettext_lazy("Trying a publication first"), ("trial_by", "trial_share", "trial_s")),
    (gettext_lazy("Certificates from an authority"), ("acme_directory", "acme_contact", "has_agreed_to_acme_terms")),
)

_SWITCHES: Final = frozenset(
    {"max_revocation_age_s", "trial_s", "acme_directory"}
)  # empty or 0, they leave what they belong to off


class FieldGroup(NamedTuple):
    """Fields under what they are about. Shapes: is_folded = what they are about is off."""

    title: str
    fields: list[forms.BoundField]
    is_folded: bool


class EnvironmentForm(forms.ModelForm):
    """What holds for every exchange in an environment."""

    base_url = forms.URLField(
        required=False, label=gettext_lazy("Address callers use"), max_length=200, assume_scheme="https"
    )
    allowed_networks = LinesField(
        required=False,
        label=gettext_lazy("Networks upstreams may live in"),
        help_text=gettext_lazy("One CIDR block a line. Link-local and metadata addresses are never allowed."),
    )
    acme_directory = forms.URLField(
        required=False, max_length=500, assume_scheme="https", label=gettext_lazy("ACME directory of an authority"),
        help_text=gettext_lazy("Hosts may have their certificates from there, such as https://acme-v02.api.letsencrypt.org/directory."),
    )  # fmt: skip

    max_revocation_age_s = forms.IntegerField(
        required=False, min_value=0, max_value=REVOCATION_AGES_S[-1],
        label=gettext_lazy("Seconds after which a gateway that is cut off refuses keys"),
        help_text=gettext_lazy(
            "0 or empty: never. It cannot hear of a key that was revoked meanwhile: from then on calls that need a key"
            " are answered with 503 credential-unconfirmed, until it hears from this site again. 900 is a good start,"
            " 60 the least."
        ),
    )  # fmt: skip

    class Meta:
        model = Environment
        fields = tuple(name for _title, names in _GROUPS for name in names)
        labels = {
            "display_name": gettext_lazy("Name shown"),
            "allow_public_networks": gettext_lazy("Upstreams may also have public addresses"),
            "allow_unverified_upstreams": gettext_lazy(
                "Upstreams may go without certificate checks (never in production)"
            ),
            "address_rate_per_s": gettext_lazy("Calls per second from one client address"),
            "address_burst": gettext_lazy("Burst from one client address"),
            "has_sandbox": gettext_lazy("Let visitors try public APIs in a sandbox"),
            "trial_s": gettext_lazy("Seconds that canaries serve a publication before others"),
            "trial_by": gettext_lazy("Who tries a publication first"),
            "trial_share": gettext_lazy("Percent of the gateways, where a share of them tries it"),
            "acme_contact": gettext_lazy("Contact of the authority"),
            "has_agreed_to_acme_terms": gettext_lazy("We agree to the terms of service of the authority"),
        }
        help_texts = {
            "trial_s": gettext_lazy(
                "0: all get it at once. It is taken back by itself when canaries refuse it or answer more 5xx."
            ),
            "trial_by": gettext_lazy(
                "One worker does for a single gateway too, if it has two or more: the others serve the state before."
            ),
            "trial_share": gettext_lazy("From 1 to 99, and at least one gateway: others with each publication."),
            "address_rate_per_s": gettext_lazy("Checked before the key is; answered with 429 rate-limited."),
            "has_sandbox": gettext_lazy(
                "Gateways answer below /sandbox.{api}/ with the examples of each document, or from a test system that"
                " its owner named; services in earnest are never asked."
            ),
            "acme_contact": gettext_lazy("An e-mail address that the authority may write to."),
        }

    @property
    def groups(self) -> list[FieldGroup]:
        """The fields under what they are about, in the order of the page; what is off and in order is folded."""
        return [
            FieldGroup(str(title), [self[name] for name in names], is_folded=self._is_off(names))
            for title, names in _GROUPS
        ]

    def _is_off(self, names: Sequence[str]) -> bool:
        """True for a group that does nothing: what switches it on is empty, and nothing in it is to be mended."""
        switch = next((name for name in names if name in _SWITCHES), None)
        is_empty = switch is not None and self[switch].value() in {None, "", 0, "0"}
        return is_empty and not any(name in self.errors for name in names)

    def clean_max_revocation_age_s(self) -> int:
        """Empty is for ever, as 0 is."""
        return self.cleaned_data["max_revocation_age_s"] or 0

    def clean_allowed_networks(self) -> list[str]:
        """The blocks, each a network."""
        blocks: list[str] = self.cleaned_data["allowed_networks"]
        for block in blocks:
            try:
                ip_network(block)
            except ValueError as error:
                raise ValidationError(
                    gettext("%(block)s is not a CIDR block: %(error)s.") % {"block": block, "error": error},
                    code="network",
                ) from error
        return blocks


class MailServerForm(forms.ModelForm):
    """How mail leaves; an empty password keeps the one stored."""

    password = forms.CharField(
        required=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Stored sealed. Empty keeps the one that is stored."),
    )  # fmt: skip

    class Meta:
        model = MailServer
        fields = ("host", "port", "user", "use_tls", "sender")
        labels = {
            "host": gettext_lazy("Server"),
            "port": gettext_lazy("Port"),
            "user": gettext_lazy("User"),
            "use_tls": gettext_lazy("Encrypt (STARTTLS, or TLS on port 465)"),
            "sender": gettext_lazy("From address"),
        }


class TestMailForm(forms.Form):
    """Where to send a test mail."""

    to = forms.EmailField(label=gettext_lazy("Send a test mail to"))


class SetUpForm(forms.Form):
    """The first admin, and whose installation this is."""

    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    password = forms.CharField(
        label=gettext_lazy("Password"), widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 8 characters, not a common one."),
    )  # fmt: skip
    organization_name = forms.CharField(
        max_length=120, label=gettext_lazy("Your organization"), help_text=gettext_lazy("Such as Acme Ltd.")
    )
    base_url = forms.URLField(
        label=gettext_lazy("Address of this site"),
        assume_scheme="https",
        help_text=gettext_lazy("Links in mails begin with it."),
    )
    language = forms.ChoiceField(
        choices=settings.LANGUAGES,
        label=gettext_lazy("Your language"),
        help_text=gettext_lazy("Of pages and mails; everyone chooses their own."),
    )


class TokenForm(forms.Form):
    """A token of the management API."""

    name = forms.CharField(max_length=120, help_text=gettext_lazy("What will use it, such as ci."))
    scopes = forms.MultipleChoiceField(choices=tuple(SCOPES.items()), widget=forms.CheckboxSelectMultiple)
    expires_at = DayField(
        required=False, label=gettext_lazy("Expires on"), help_text=gettext_lazy("Empty: it works until it is revoked.")
    )

    def __init__(self, *args: Any, allowed: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_choices(self, "scopes", [(scope, SCOPES[scope]) for scope in allowed])


class AuditFilterForm(forms.Form):
    """Filters of the audit log, kept in the URL."""

    actor = forms.CharField(required=False, label=gettext_lazy("Who"))
    action = forms.CharField(required=False, label=gettext_lazy("What"))
    target = forms.CharField(required=False, label=gettext_lazy("On which"))
    kind = forms.CharField(required=False, label=gettext_lazy("Kind"))
    since = DayField(required=False, label=gettext_lazy("From"))
    until = DayField(required=False, label=gettext_lazy("Until"))
