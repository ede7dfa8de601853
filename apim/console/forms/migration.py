"""The form of a migration: which subscribers move to the version in force."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy


class MigrationForm(forms.Form):
    """Some of those on an earlier version."""

    subscriptions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, error_messages={"required": gettext_lazy("Choose at least one.")}
    )

    not_before = forms.DateField(
        label=gettext_lazy("Not before"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("UTC. What is paid moves with its first renewal from then on. Left out: from now on."),
    )
    words = forms.CharField(
        label=gettext_lazy("Your words in the mail"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("The mail says what changes and when; say here why."),
    )

    def clean_not_before(self) -> datetime | None:
        """The first moment of the day, in UTC."""
        day = self.cleaned_data["not_before"]
        return datetime.combine(day, time.min, UTC) if day else None

    def __init__(self, data: Any, *, ids: list[str]) -> None:
        super().__init__(data)
        field = self.fields["subscriptions"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - declared above
        field.choices = [(each, each) for each in ids]
