"""The forms of the test panel: one call through the gateway, or through a draft that no gateway has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.catalog.trial_calls import METHODS, Call
from apim.console.forms.fields import PairsField
from gateway_sync.delivery.candidates import NOBODY, As

if TYPE_CHECKING:
    from django.http import QueryDict


class TrialForm(forms.Form):
    """What to send. The key travels in the field that callers use, and is kept nowhere."""

    method = forms.ChoiceField(choices=[(method, method) for method in METHODS], label=gettext_lazy("Method"))
    path = forms.CharField(
        max_length=2000,
        initial="/",
        label=gettext_lazy("Path and query"),
        help_text=gettext_lazy("Below the version, with real values: /accounts/7?limit=2."),
        widget=forms.TextInput(attrs={"list": "known-paths", "spellcheck": "false", "autocapitalize": "none"}),
    )
    key = forms.CharField(
        required=False,
        max_length=200,
        strip=True,
        label=gettext_lazy("API key"),
        help_text=gettext_lazy("Empty: an anonymous call. It is sent once and not kept."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "code"}),
    )
    headers = PairsField(
        required=False, label=gettext_lazy("Headers"), help_text=gettext_lazy("Name: value, one a line.")
    )
    body = forms.CharField(
        required=False,
        strip=False,
        max_length=200_000,
        label=gettext_lazy("Body"),
        widget=forms.Textarea(attrs={"rows": 6, "class": "code", "spellcheck": "false"}),
    )

    def clean_path(self) -> str:
        """The path, which has no braces left."""
        path = str(self.cleaned_data["path"])
        if "{" in path.partition("?")[0]:
            raise ValidationError(_("Write a value in place of each name in braces."), code="placeholder")
        return path

    @property
    def call(self) -> Call:
        """The call of a valid form."""
        data: dict[str, Any] = self.cleaned_data
        path, _mark, query = data["path"].partition("?")
        headers = dict(data["headers"])
        if data["body"] and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        return Call(data["method"], path, query, headers, data["body"])


class DraftTrialForm(TrialForm):
    """What to send through a draft, and as whom: the key is made for the call, so nobody has to have one."""

    caller = forms.ChoiceField(
        label=gettext_lazy("Call as"),
        help_text=gettext_lazy(
            "An application with a key is made for this call; the plan's limits begin anew with it."
        ),
    )
    field_order = ("caller", "method", "path", "headers", "body")

    def __init__(self, data: QueryDict | None, *, callers: Sequence[As], initial: dict[str, Any]) -> None:
        """Shapes: callers are all that the draft may be called as, beside nobody."""
        super().__init__(data, initial=initial)
        del self.fields["key"]
        self._callers = {NOBODY.choice: NOBODY, **{caller.choice: caller for caller in callers}}
        field = cast("forms.ChoiceField", self.fields["caller"])
        field.choices = [(choice, _named(caller)) for choice, caller in self._callers.items()]

    @property
    def caller_name(self) -> str:
        """As whom a valid form calls, in words."""
        return _named(self.called_as)

    @property
    def called_as(self) -> As:
        """As whom a valid form calls."""
        return self._callers[self.cleaned_data["caller"]]


def _named(caller: As) -> str:
    if caller is NOBODY:
        return _("Nobody: without a key")
    if caller.product_name:
        told = _("A subscriber of %(product)s by the plan %(plan)s")
        return told % {"product": caller.product_name, "plan": caller.plan_name}
    return _("A subscriber by the plan %(plan)s, for all operations") % {"plan": caller.plan_name}
