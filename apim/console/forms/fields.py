"""Form fields that several forms of the console share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

BELOW = gettext_lazy("Something below is not right yet.")  # at the top of a page whose parts have errors of their own
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class NameField(forms.SlugField):
    """A name as it stands in URLs and documents."""

    def __init__(
        self, *, max_length: int = 60, help_text: str | _StrPromise = "", required: bool = True, **options: Any
    ) -> None:
        super().__init__(max_length=max_length, help_text=help_text, required=required, **options)
        self.error_messages["invalid"] = gettext_lazy("Use letters, digits, - and _ only, such as bank-payments.")
        self.widget.attrs.update({"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"})


class MethodsField(forms.MultipleChoiceField):
    """A choice of HTTP methods, all by default."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **options: Any) -> None:
        options.setdefault("initial", METHODS)
        super().__init__(choices=[(method, method) for method in METHODS], **options)


class DayField(forms.DateField):
    """A day, as its first second in UTC."""

    widget = forms.DateInput(attrs={"type": "date"})

    def clean(self, value: object) -> datetime | None:
        """The first second of the day in UTC."""
        day = super().clean(value)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


class LinesField(forms.CharField):
    """A text area of one value a line; gives them as a list, blank lines left out."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def prepare_value(self, value: object) -> object:
        """One value a line."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: object) -> list[str]:
        """The lines."""
        text = super().clean(value)
        return [line.strip() for line in text.splitlines() if line.strip()]


class WordsField(forms.CharField):
    """A line of words or short phrases with commas between; gives them as a list."""

    def prepare_value(self, value: object) -> object:
        """The words with commas between."""
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def clean(self, value: object) -> list[str]:
        """The words, in whatever script: the commas of Japanese and Chinese divide too."""
        text = super().clean(value).translate({ord(comma): "," for comma in "，、"})  # noqa: RUF001
        return [word.strip() for word in text.split(",") if word.strip()]


class PairsField(forms.CharField):
    """A text area of one `Name: value` a line; gives them as a mapping, blank lines left out."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def prepare_value(self, value: object) -> object:
        """One pair a line; of a list, the texts with strokes between."""
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{name}: {_joined(text)}" for name, text in value.items())

    def clean(self, value: object) -> dict[str, str]:
        """The pairs."""
        pairs: dict[str, str] = {}
        for line in super().clean(value).splitlines():
            name, colon, text = line.partition(":")
            if line.strip() and (not colon or not name.strip()):
                raise ValidationError(
                    gettext("`%(line)s` is no pair. Write `Name: value`, one a line.") % {"line": line.strip()},
                    code="pair",
                )
            if line.strip():
                pairs[name.strip()] = text.strip()
        return pairs


def offer_rows(form: forms.BaseForm, name: str, rows: QuerySet[Any]) -> None:
    """Have a choice among rows be one among these."""
    cast("forms.ModelChoiceField[Any]", form.fields[name]).queryset = rows


def offer_choices(form: forms.BaseForm, name: str, choices: Iterable[tuple[str, str | _StrPromise]]) -> None:
    """Have a choice be one among these. Shapes: (value, words)."""
    cast("forms.ChoiceField", form.fields[name]).choices = list(choices)


def _joined(text: object) -> object:
    return " | ".join(map(str, text)) if isinstance(text, list | tuple) else text
