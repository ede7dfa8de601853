"""Forms of alert rules: what is watched, by which numbers, and who is told."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.alerts.models import AlertRule
from apim.alerts.templates import TEMPLATES, Setting
from apim.catalog.models import API, APIVersion
from apim.console.forms.fields import offer_rows
from apim.gateways.models import Environment

SNOOZES = (
    (1, gettext_lazy("1 hour")),
    (8, gettext_lazy("8 hours")),
    (24, gettext_lazy("1 day")),
    (168, gettext_lazy("1 week")),
)


class RuleForm(forms.Form):
    """A rule of one template for one API, or for gateways."""

    name = forms.CharField(max_length=120, required=False, label=gettext_lazy("Name"))
    version = forms.ModelChoiceField(
        APIVersion.objects.none(),
        required=False,
        label=gettext_lazy("Version"),
        empty_label=gettext_lazy("Every version"),
    )
    environment = forms.ModelChoiceField(
        Environment.objects.none(),
        required=False,
        label=gettext_lazy("Environment"),
        empty_label=gettext_lazy("Every environment"),
    )
    recipients = forms.CharField(
        required=False,
        max_length=2000,
        label=gettext_lazy("Mail to"),
        widget=forms.Textarea(attrs={"rows": 2, "autocapitalize": "none", "spellcheck": "false"}),
        help_text=gettext_lazy("One address a line. Empty: the owners of the API."),
    )
    is_enabled = forms.BooleanField(required=False, initial=True, label=gettext_lazy("Watch"))

    def __init__(self, *arguments: Any, api: API | None, kind: str, is_new: bool = False, **options: Any) -> None:
        super().__init__(*arguments, **options)
        template = TEMPLATES[kind]
        self.settings = template.settings
        for setting in template.settings:
            self.fields[setting.name] = _number(setting)
        fields = self.fields
        if is_new:
            del fields["is_enabled"]
        fields["name"].widget.attrs["placeholder"] = _(template.title)
        if api is None:
            del fields["version"]
            fields["recipients"].help_text = _("One address a line. Empty: all administrators.")
        else:
            offer_rows(self, "version", api.versions.order_by("name"))
        offer_rows(self, "environment", Environment.objects.order_by("name"))
        self.order_fields(  # those that are not there are passed over
            ["name", *(each.name for each in template.settings), "version", "environment", "recipients", "is_enabled"]
        )

    @staticmethod
    def initial_of(rule: AlertRule) -> dict[str, Any]:
        """What the form shows of a rule."""
        return {
            "name": rule.name,
            "version": rule.version_id,
            "environment": rule.environment_id,
            "recipients": "\n".join(rule.recipients),
            "is_enabled": rule.is_enabled,
            **rule.settings,
        }

    def values(self) -> dict[str, Any]:
        """What the services take, once the form is valid."""
        cleaned = self.cleaned_data
        return {
            "name": cleaned["name"],
            "version": cleaned.get("version"),
            "environment": cleaned["environment"],
            "recipients": [line.strip() for line in cleaned["recipients"].splitlines() if line.strip()],
            "is_enabled": cleaned.get("is_enabled", True),
            "settings": {setting.name: cleaned[setting.name] for setting in self.settings},
        }


def _number(setting: Setting) -> forms.Field:
    label = f"{_(setting.label)} ({_(setting.unit)})" if setting.unit else _(setting.label)
    if setting.is_whole:
        return forms.IntegerField(
            label=label, initial=int(setting.default), min_value=int(setting.least), max_value=int(setting.most)
        )
    return forms.FloatField(
        label=label, initial=setting.default, min_value=setting.least, max_value=setting.most,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip


class SnoozeForm(forms.Form):
    """For how long nobody is told."""

    hours = forms.TypedChoiceField(choices=SNOOZES, coerce=int, label=gettext_lazy("Tell nobody for"))
