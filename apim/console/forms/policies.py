"""One form for each policy kind. What the settings are called and mean, and which are right, the kinds say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from apim.console.forms.fields import LinesField, MethodsField
from gateway_sync.policies import DESCRIPTIONS, KINDS, parse_policy
from gateway_sync.policies.descriptions import Setting
from gateway_sync.problems import Where

Settings = Mapping[str, object]


_LISTS = frozenset({"words", "networks"})


def setting_field(setting: Setting) -> forms.Field:
    """The form field of a setting, with the words of its kind."""
    words: dict[str, Any] = {"required": False, "label": setting.label}
    if setting.type == "flag":
        return forms.BooleanField(initial=setting.default == "true", help_text=setting.meaning, **words)
    words["help_text"] = f"{setting.meaning} {setting.writing}".strip()
    if setting.type in _LISTS:
        words["help_text"] += " One a line."
        return LinesField(**words)
    if setting.type == "methods":
        return MethodsField(initial=setting.default.split(", "), **words)
    if setting.type == "number":
        return forms.IntegerField(min_value=1, **words)
    if setting.choices:
        return forms.ChoiceField(choices=[(word, word) for word in setting.choices], initial=setting.default, **words)
    return forms.CharField(initial=setting.default, **words)


class PolicyForm(forms.Form):
    """The settings of one kind, and whether the version has it."""

    is_on = forms.BooleanField(required=False, label="On")

    def __init__(self, data: Any, *, kind: str, settings: Settings | None) -> None:
        self.kind = kind
        self.text = DESCRIPTIONS[kind]
        initial = {"is_on": settings is not None, **(settings or {})}
        super().__init__(data, prefix=kind, initial=initial)
        for setting in self.text.settings:
            self.fields[setting.name] = setting_field(setting)

    def clean(self) -> dict[str, Any]:
        """The data; the settings must please the kind when it is on."""
        data = super().clean() or {}
        if data.get("is_on") and not self.errors:
            _, problems = parse_policy(self.kind, self.settings, Where("policy", self.kind))
            for problem in problems:
                field = problem.where.field if problem.where.field in self.fields else None
                self.add_error(field, ValidationError(f"{problem.message} {problem.hint}".strip(), code=problem.code))
        return data

    @property
    def is_chosen(self) -> bool:
        """True when a valid form wants the policy."""
        return bool(self.cleaned_data["is_on"])

    @property
    def settings(self) -> dict[str, object]:
        """The settings as a document writes them; what was left empty is left to the kind's default."""
        names = [setting.name for setting in self.text.settings]
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) not in ("", None, [])}


def policy_forms(data: Any, policies: Sequence[Mapping[str, Settings]]) -> list[PolicyForm]:
    """A form for each kind that a version may have, in the order in which gateways apply them."""
    stored = {kind: settings for policy in policies for kind, settings in policy.items()}
    kinds = (kind for kind in KINDS if not DESCRIPTIONS[kind].is_of_environment)
    return [PolicyForm(data, kind=kind, settings=stored.get(kind)) for kind in kinds]


def policies_value(rows: Sequence[PolicyForm]) -> list[dict[str, Settings]]:
    """The policies as a revision stores them."""
    return [{row.kind: row.settings} for row in rows if row.is_chosen]
