"""The form that asks for a name before what cannot be undone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext


class TypedForm(forms.Form):
    """The name of what cannot come back, typed: nobody ends it by a slip."""

    typed = forms.CharField(max_length=320, strip=True)  # an address of mail may have 254

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        self.fields["typed"].label = gettext("Type %(name)s to go on") % {"name": name}
        self.fields["typed"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean_typed(self) -> str:
        """The name as it is."""
        typed: str = self.cleaned_data["typed"]
        if typed.split() != self._name.split():  # pages show blanks in a row as one
            message = gettext("This is not what is asked for: type %(name)s.")
            raise ValidationError(message, params={"name": self._name})
        return typed
