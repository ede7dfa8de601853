"""The form of the groups that serve a version."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.console.forms.fields import offer_choices


class GroupsForm(forms.Form):
    """Which groups of gateways serve it."""

    groups = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Groups"),
        help_text=_("None: every gateway of the environment serves it."),
    )

    def __init__(self, *args: Any, groups: Iterable[str], **kwargs: Any) -> None:
        """groups are those to choose from."""
        super().__init__(*args, **kwargs)
        offer_choices(self, "groups", [(group, group) for group in groups])
