"""The six questions of `/console/advice` as a form that lives in the URL."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.advice import QUESTIONS

_CHOICES = (("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No")))


class AdviceForm(forms.Form):
    """A yes or no to each question."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type] # Django's own
        for question in QUESTIONS:
            self.fields[question.key] = forms.ChoiceField(
                choices=_CHOICES,
                widget=forms.RadioSelect,
                label=_(question.text),
                help_text=_(question.help),
                error_messages={"required": _("Answer with yes or no.")},
            )

    def answers(self) -> dict[str, bool]:
        """The answers by key, once the form is valid."""
        return {question.key: self.cleaned_data[question.key] == "yes" for question in QUESTIONS}
