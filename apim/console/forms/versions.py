"""Forms about one version: its operations, documentation and lifecycle."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.catalog.models import APIVersion
from apim.console.forms.apis import DocumentForm, VersionNameChoice
from apim.console.forms.fields import METHODS, DayField, MethodsField, offer_rows
from apim.ui.typed import TypedForm


class NoteField(forms.CharField):
    """Why a revision was made."""

    def __init__(self) -> None:
        help_text = gettext_lazy("Shown in the list of revisions.")
        super().__init__(required=False, max_length=255, label=gettext_lazy("Note"), help_text=help_text)


class NoteForm(forms.Form):
    """Only a note, beside rows of other forms."""

    note = NoteField()


class OperationForm(forms.Form):
    """One operation of a contract made by hand; an empty path leaves the row out, as does the tick."""

    method = forms.ChoiceField(choices=[(method, method) for method in METHODS], label=gettext_lazy("Method"))
    path = forms.CharField(required=False, max_length=255, label=gettext_lazy("Path"))
    summary = forms.CharField(required=False, max_length=255, label=gettext_lazy("Summary"))
    remove = forms.BooleanField(required=False, label=gettext_lazy("Remove"))

    def clean_path(self) -> str:
        """The path template; it begins with a slash."""
        path = str(self.cleaned_data["path"]).strip()
        if path and not path.startswith("/"):
            raise ValidationError(gettext("A path begins with /, such as /accounts/{id}."), code="path")
        return path


OperationFormSet = forms.formset_factory(OperationForm, extra=3, max_num=500)


class PassthroughForm(forms.Form):
    """What a version without a contract lets through."""

    methods = MethodsField(label=gettext_lazy("Methods"))
    path_prefix = forms.CharField(
        initial="/",
        label=gettext_lazy("Path prefix"),
        help_text=gettext_lazy("Only paths below it are passed through."),
    )
    note = NoteField()


class ReimportForm(DocumentForm):
    """A changed document of a version that exists; policies, plans and documentation stay."""

    note = NoteField()


class DocumentationForm(forms.ModelForm):
    """Prose beside the reference."""

    class Meta:
        model = APIVersion
        fields = ("documentation",)
        help_texts = {"documentation": gettext_lazy("Markdown. Shown in the portal, above the reference.")}
        widgets = {"documentation": forms.Textarea(attrs={"rows": 22})}


class DeprecationForm(forms.Form):
    """From when a version is deprecated, when it stops, and what to use instead."""

    deprecated_at = DayField(
        label=gettext_lazy("Deprecated from"),
        help_text=gettext_lazy("Answers carry a Deprecation header with this day."),
    )
    sunset_at = DayField(
        required=False, label=gettext_lazy("Stops working on"), help_text=gettext_lazy("The Sunset header. Optional.")
    )
    successor = VersionNameChoice(
        queryset=APIVersion.objects.none(),
        required=False,
        empty_label=gettext_lazy("None"),
        label=gettext_lazy("Successor"),
        help_text=gettext_lazy("The Link header points to it."),
    )
    reason = forms.CharField(
        max_length=255,
        required=False,
        label=gettext_lazy("Why it ends so soon"),
        help_text=gettext_lazy("Only where callers have less than 180 days; kept in the audit log beside your name."),
    )

    def __init__(self, *args: Any, version: APIVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = version.api.versions.exclude(pk=version.pk)
        offer_rows(self, "successor", others)
        self.initial.setdefault("deprecated_at", version.deprecated_at or datetime.now(UTC))
        self.initial.setdefault("sunset_at", version.sunset_at)
        self.initial.setdefault("successor", version.successor_id)


class ReasonForm(forms.Form):
    """Why; kept in the audit log."""

    reason = forms.CharField(max_length=255, label=gettext_lazy("Reason"))


class BreakingForm(TypedForm):
    """What is broken, typed, and why, for the audit log."""

    field_order = ("reason", "typed")

    reason = forms.CharField(
        max_length=1000,
        label=gettext_lazy("Why it is right that callers break"),
        help_text=gettext_lazy("Kept in the audit log beside your name."),
    )

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, name=name, **kwargs)
        self.fields["typed"].label = gettext("Type %(name)s to break them") % {"name": name}


class RefusalForm(forms.Form):
    """Why a request is refused; who asked reads it."""

    reason = forms.CharField(
        max_length=255,
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Read by who asked. Only needed to refuse."),
    )


class ReturnForm(forms.Form):
    """What a version in review lacks; kept in the audit log."""

    reason = forms.CharField(required=False, max_length=255, label=gettext_lazy("What is missing"))
