"""Forms of the admin pages about money."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from apim.billing.leaving import END, PAY_AGAIN


class ConnectForm(forms.Form):
    """A key to Stripe, and the secret that its events are signed with."""

    api_key = forms.RegexField(
        r"^(sk|rk)_(test|live)_\S+$",
        label=gettext_lazy("Secret or restricted key"),
        max_length=255,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        error_messages={"invalid": gettext_lazy("A key begins with sk_test_, rk_test_, sk_live_ or rk_live_.")},
        help_text=gettext_lazy("Its mode decides whether money is real. It is kept encrypted and never shown again."),
    )
    webhook_secret = forms.RegexField(
        r"^whsec_\S+$",
        label=gettext_lazy("Signing secret of the webhook endpoint"),
        max_length=255,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        error_messages={"invalid": gettext_lazy("A signing secret begins with whsec_.")},
        help_text=gettext_lazy("Shown by Stripe once the endpoint is there."),
    )


class LeftBehindForm(forms.Form):
    """What becomes of subscriptions that were bought where nothing is charged now."""

    act = forms.ChoiceField(
        label=gettext_lazy("What becomes of them"),
        choices=(
            (PAY_AGAIN, gettext_lazy("They wait until they are paid again: calls get 403 until then, keys stay")),
            (END, gettext_lazy("They end: calls get 403, their organizations can subscribe anew")),
        ),
        widget=forms.RadioSelect,
    )


class PatienceForm(forms.Form):
    """Until when a payer who owes something is refused nothing."""

    until = forms.DateTimeField(
        label=gettext_lazy("Until (UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text=gettext_lazy("Empty takes the extension back."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=255)
