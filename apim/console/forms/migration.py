"""The form of a migration: which subscribers move to the version in force."""

from __future__ import annotations

from typing import Any

from django import forms


class MigrationForm(forms.Form):
    """Some of those on an earlier version."""

    subscriptions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose at least one."}
    )

    def __init__(self, data: Any, *, ids: list[str]) -> None:
        super().__init__(data)
        field = self.fields["subscriptions"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = [(each, each) for each in ids]
