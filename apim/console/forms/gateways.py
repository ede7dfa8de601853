"""The form of a gateway that is to join."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from apim.accounts.models import Viewer
from apim.console.forms.fields import NameField, offer_rows
from apim.gateways.models import Environment


class NewGatewayForm(forms.Form):
    """Its name, and the environment that it serves."""

    name = NameField(
        label=gettext_lazy("Name"), help_text=gettext_lazy("Such as eu-1. Pages and usage tell it by this.")
    )
    environment = forms.ModelChoiceField(
        Environment.objects.none(),
        to_field_name="name",
        empty_label=None,
        label=gettext_lazy("Environment"),
        help_text=gettext_lazy("What it serves, and whose keys it knows."),
    )

    group = NameField(
        required=False,
        label=gettext_lazy("Group"),
        help_text=gettext_lazy("Such as edge or internal: it serves what is bound to that, and what is bound to none."),
    )

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any) -> None:
        """The environments are those that viewer may change."""
        super().__init__(*args, **kwargs)
        offer_rows(self, "environment", Environment.objects.editable_by(viewer).order_by("name"))
