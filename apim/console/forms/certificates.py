"""Forms of certificates and host names."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.models import Organization
from apim.console.forms.fields import NameField
from apim.gateways.chains import LONGEST_PEM
from apim.gateways.models import Certificate, Environment, Host

_PEM = {"rows": 8, "spellcheck": "false", "autocomplete": "off"}


class ChainForm(forms.Form):
    """A chain with its key, pasted or as files."""

    chain = forms.CharField(
        max_length=LONGEST_PEM,
        required=False,
        widget=forms.Textarea(attrs=_PEM),
        label=gettext_lazy("Certificate chain"),
        help_text=gettext_lazy("PEM: the certificate itself first, then who issued it. Or choose a file below."),
    )
    chain_file = forms.FileField(required=False, label=gettext_lazy("Chain as a file"))
    key = forms.CharField(
        max_length=LONGEST_PEM,
        required=False,
        widget=forms.Textarea(attrs=_PEM),
        label=gettext_lazy("Private key"),
        help_text=gettext_lazy("PEM without a passphrase. Stored sealed, never shown again. Or choose a file below."),
    )
    key_file = forms.FileField(required=False, label=gettext_lazy("Key as a file"))

    def clean(self) -> dict[str, Any]:
        """The texts, be they pasted or uploaded."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("chain", "key"):
            uploaded = cleaned.pop(f"{name}_file", None)
            if uploaded is not None and not cleaned.get(name):
                cleaned[name] = uploaded.read(LONGEST_PEM + 1).decode("ascii", "replace")
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, gettext("Paste it, or choose its file."))
        return cleaned


class NewCertificateForm(ChainForm):
    """A certificate under a new name."""

    name = NameField(help_text=gettext_lazy("Used in documents and the CLI, such as public."))
    environment = forms.ModelChoiceField(queryset=Environment.objects.all(), empty_label=None)
    organization = forms.ModelChoiceField(
        queryset=Organization.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("Gateways show it to callers"),
        label=gettext_lazy("For the services of"),
        help_text=gettext_lazy("An organization whose APIs show it to their services."),
    )

    field_order = ("name", "environment", "organization")

    def clean(self) -> dict[str, Any]:
        """The data; a certificate of this name is replaced in the list, where one sees what is lost."""
        cleaned = super().clean()
        if Certificate.objects.filter(environment=cleaned.get("environment"), name=cleaned.get("name")).exists():
            self.add_error("name", gettext("There is one of this name. Replace it in the list of certificates."))
        return cleaned


class HostForm(forms.ModelForm):
    """What holds for callers of a host name."""

    class Meta:
        model = Host
        fields = (
            "api", "version", "base_path", "certificate_source", "is_redirected_to_https", "hsts_max_age_s",
            "client_certificates", "client_ca",
        )  # fmt: skip
        labels = {
            "api": gettext_lazy("API"),
            "base_path": gettext_lazy("Base path"),
            "certificate_source": gettext_lazy("Its certificate is"),
            "is_redirected_to_https": gettext_lazy("Redirect plain HTTP to HTTPS"),
            "hsts_max_age_s": gettext_lazy("HSTS, seconds"),
            "client_certificates": gettext_lazy("Client certificates"),
            "client_ca": gettext_lazy("Authorities of client certificates"),
        }
        help_texts = {
            "api": gettext_lazy("Name of the API that the host serves. Empty: every API by its own path."),
            "version": gettext_lazy("Name of the version that it serves. Empty: every version by its name."),
            "base_path": gettext_lazy(
                "Stands for the API (and version) in its paths, such as /payments. Empty: nothing does."
            ),
            "certificate_source": gettext_lazy(
                "ACME: ordered from the authority of the environment. Port 80 must lead here."
            ),
            "hsts_max_age_s": gettext_lazy("For so long browsers come by HTTPS only. 0: they are not told."),
            "client_ca": gettext_lazy("PEM of the authorities that issue them."),
        }
        widgets = {"client_ca": forms.Textarea(attrs=_PEM)}


class NewHostForm(HostForm):
    """A host name."""

    name = forms.CharField(
        max_length=253,
        label=gettext_lazy("Host name"),
        help_text=gettext_lazy("Exact, or *.example.com for one label below."),
    )
    environment = forms.ModelChoiceField(queryset=Environment.objects.all(), empty_label=None)

    field_order = ("name", "environment")

    def clean(self) -> dict[str, Any]:
        """The data; a host of this name is changed on its own page, where one sees what it is."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = str(cleaned.get("name", "")).strip().lower().rstrip(".")
        if Host.objects.filter(environment=cleaned.get("environment"), name=name).exists():
            self.add_error(
                "name", gettext("There is one of this name. Change it on its own page, in the list of hosts.")
            )
        return cleaned
