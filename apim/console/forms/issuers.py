"""Forms of issuers of tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.models import Organization
from apim.console.forms.fields import NameField
from apim.gateways.chains import LONGEST_PEM
from apim.gateways.models import Environment, Issuer


class IssuerForm(forms.Form):
    """What is trusted of an issuer."""

    jwks_url = forms.CharField(
        max_length=512,
        required=False,
        label=gettext_lazy("Address of the keys"),
        help_text=gettext_lazy(
            "Where it publishes its keys. Empty, without keys below: the issuer is asked where they are."
        ),
    )
    jwks = forms.CharField(
        max_length=LONGEST_PEM,
        required=False,
        label=gettext_lazy("Keys"),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"}),
        help_text=gettext_lazy("A JWK set, for an issuer that cannot be asked. Public keys only."),
    )
    client_claim = forms.CharField(
        max_length=200,
        required=False,
        label=gettext_lazy("Client claim"),
        help_text=gettext_lazy(
            "Where the client id is. Empty: azp, else client_id. Never a claim that its users choose."
        ),
    )
    is_for_all = forms.BooleanField(
        required=False,
        initial=True,
        label=gettext_lazy("Open to every organization"),
        help_text=gettext_lazy("Its tokens can say that any application calls which has registered their client."),
    )
    organizations = forms.ModelMultipleChoiceField(
        queryset=Organization.objects.order_by("name"),
        required=False,
        label=gettext_lazy("Open to these only"),
        help_text=gettext_lazy(
            "Choose them here when it is not open to every one, such as for the provider of a partner."
        ),
    )

    def clean(self) -> dict[str, Any]:
        """The data, of which organizations count alone where it is not open to all."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["organizations"] = list(cleaned.get("organizations") or ())
        return cleaned


class NewIssuerForm(IssuerForm):
    """An issuer."""

    name = NameField(help_text=gettext_lazy("Used in documents and the CLI, such as login."))
    environment = forms.ModelChoiceField(queryset=Environment.objects.all(), empty_label=None)
    issuer = forms.CharField(
        max_length=512,
        help_text=gettext_lazy("What iss is in its tokens, letter for letter, such as https://login.example.com."),
    )

    field_order = ("name", "environment", "issuer")

    def clean(self) -> dict[str, Any]:
        """The data; an issuer of this name is changed on its own page, where one sees what it is."""
        cleaned = super().clean()
        if Issuer.objects.filter(environment=cleaned.get("environment"), name=cleaned.get("name")).exists():
            self.add_error(
                "name", gettext("There is one of this name. Change it on its own page, in the list of issuers.")
            )
        return cleaned
