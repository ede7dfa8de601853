"""Forms about meters."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.models import User
from apim.console.forms.apis import OrganizationChoice, offer_organizations
from apim.console.forms.fields import NameField, PairsField
from apim.pricing.meters import DEFAULT_WHERE, where_fault

SOURCES = (
    ("requests", gettext_lazy("Calls")),
    ("bytes", gettext_lazy("Bytes, both ways")),
    ("request-bytes", gettext_lazy("Bytes of requests")),
    ("response-bytes", gettext_lazy("Bytes of answers")),
)


class WeightsField(PairsField):
    """A text area of one `POST /transfers: 5` a line; the last colon divides."""

    def clean(self, value: object) -> dict[str, Any]:
        """The weights."""
        found: dict[str, Any] = {}
        for line in forms.CharField.clean(self, value).splitlines():
            name, colon, weight = line.rpartition(":")
            if not line.strip():
                continue
            if not colon or not weight.strip().isdecimal():
                raise ValidationError(
                    gettext("`%(line)s` is no weight. Write `POST /transfers: 5`, one a line.") % {"line": line.strip()}
                )
            found[name.strip()] = int(weight)
        return found


class MeterForm(forms.Form):
    """What a meter counts."""

    display_name = forms.CharField(max_length=120, label=gettext_lazy("Name shown"))
    unit = forms.CharField(max_length=40, initial="call", help_text=gettext_lazy("What one is called."))
    source = forms.ChoiceField(choices=SOURCES, label=gettext_lazy("It adds up"))
    where = forms.CharField(
        max_length=500,
        initial=DEFAULT_WHERE,
        label=gettext_lazy("Which calls count"),
        help_text=gettext_lazy(
            'Such as `status < 400`, `status_class == 2` or `method == "POST"`; several are joined by `and`.'
        ),
    )
    weights = WeightsField(
        required=False,
        help_text=gettext_lazy("One a line, as `POST /transfers: 5`; a call of any other operation counts 1."),
    )

    def clean_where(self) -> str:
        """The filter, when it can be read."""
        where = str(self.cleaned_data["where"])
        if fault := where_fault(where):
            raise ValidationError(fault, code="where")
        return where

    def definition(self) -> dict[str, Any]:
        """The definition as a Meter document has it."""
        return {name: self.cleaned_data[name] for name in ("unit", "source", "where", "weights")}


class NewMeterForm(MeterForm):
    """A meter and its definition."""

    name = NameField(help_text=gettext_lazy("Plans name it by this. It cannot be changed later."))
    organization = OrganizationChoice()

    field_order = ("name", "display_name", "organization")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_organizations(self, user)
