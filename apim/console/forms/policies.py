"""One form for each policy kind. What the settings are called and mean, and which are right, the kinds say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.console.forms.fields import LinesField, MethodsField, PairsField
from apim.ui.said import said, said_both
from gateway_sync.policies import ACCUMULATING, DESCRIPTIONS, KINDS, jwt, parse_policy
from gateway_sync.policies.applied import common_settings
from gateway_sync.policies.descriptions import Description, Setting
from gateway_sync.problems import Where

Settings = Mapping[str, object]


_LISTS = frozenset({"words", "networks"})
_EMPTY: tuple[object, ...] = ("", None, [], {})


def setting_field(setting: Setting) -> forms.Field:
    """The form field of a setting, with the words of its kind."""
    words: dict[str, Any] = {"required": False, "label": said(setting.label)}
    if setting.type == "flag":
        return forms.BooleanField(initial=setting.default == "true", help_text=said(setting.meaning), **words)
    words["help_text"] = said_both(setting.meaning, setting.writing)
    if setting.type in _LISTS:
        words["help_text"] += " " + gettext("One a line.")
        return LinesField(**words)
    if setting.type == "fields":
        words["help_text"] += " " + gettext("Name: value, one a line.")
        return PairsField(**words)
    if setting.type == "lines":
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}), strip=False, **words)
    if setting.type == "methods":
        return MethodsField(initial=setting.default.split(", "), **words)
    if setting.type == "number":
        return forms.IntegerField(min_value=1, initial=setting.default or None, **words)
    if setting.choices:
        return forms.ChoiceField(choices=[(word, word) for word in setting.choices], initial=setting.default, **words)
    return forms.CharField(initial=setting.default, **words)


class PolicyForm(forms.Form):
    """The settings of one policy, and whether the version has it.

    Shapes: number counts the policies of one kind, from 0.
    """

    is_on = forms.BooleanField(required=False, label=gettext_lazy("On"))

    def __init__(self, data: Any, *, kind: str, number: int, settings: Settings | None) -> None:
        self.kind = kind
        self.number = number
        self.text = DESCRIPTIONS[kind]
        self._common = common_settings(self.text)
        initial = {"is_on": settings is not None, **(settings or {})}
        super().__init__(data, prefix=_prefix(kind, number), initial=initial)
        for setting in (*self.text.settings, *self._common):
            self.fields[setting.name] = setting_field(setting)
        if kind == jwt.KIND:
            self.fields["issuer"].widget.attrs["list"] = "registered-issuers"

    def clean(self) -> dict[str, Any]:
        """The data; the settings must please the kind when it is on."""
        data = super().clean() or {}
        if data.get("is_on") and not self.errors:
            _, problems = parse_policy(self.kind, self.settings, Where("policy", self.kind))
            for problem in problems:
                field = problem.where.field if problem.where.field in self.fields else None
                self.add_error(field, ValidationError(said_both(problem.message, problem.hint), code=problem.code))
        return data

    # What templates ask for: with an underscore, which no setting has, for a form's fields hide its attributes there.

    @property
    def policy_anchor(self) -> str:
        """The form's own name on the page."""
        return _prefix(self.kind, self.number)

    @property
    def policy_errors(self) -> Mapping[str, object]:
        """What is wrong with it, be there a setting named errors or not."""
        return self.errors

    @property
    def policy_stands(self) -> bool:
        """True when it is on, or has something to mend: then the page shows it before the others."""
        return bool(self["is_on"].value() or self.errors)

    @property
    def policy_number(self) -> int:
        """Which of its kind it is, from 0."""
        return self.number

    @property
    def policy_text(self) -> Description:
        """The kind in words."""
        return self.text

    @property
    def is_chosen(self) -> bool:
        """True when a valid form wants the policy."""
        return bool(self.cleaned_data["is_on"])

    @property
    def settings(self) -> dict[str, object]:
        """The settings as a document writes them; what was left empty is left to the kind's default."""
        names = [setting.name for setting in self.text.settings]
        found = {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) not in _EMPTY}
        return found | {each.name: value for each in self._common if (value := self.cleaned_data.get(each.name))}


def _prefix(kind: str, number: int) -> str:
    return f"{kind}.{number}" if number else kind


def policy_forms(
    data: Any, policies: Sequence[Mapping[str, Settings]], *, is_of_environment: bool = False
) -> list[PolicyForm]:
    """A form for each policy there is and one more of each kind, in the order in which gateways apply them.

    A kind that can be there once only has no further form. Some kinds only an environment may have.
    """
    rows: list[PolicyForm] = []
    for kind in (kind for kind in KINDS if is_of_environment or not DESCRIPTIONS[kind].is_of_environment):
        stored = [settings for policy in policies for name, settings in policy.items() if name == kind]
        is_single = kind not in ACCUMULATING and not DESCRIPTIONS[kind].has_operations
        count = 1 if is_single else len(stored) + 1
        while data is not None and f"{_prefix(kind, count)}-is_on" in data:
            count += 1
        rows += [
            PolicyForm(data, kind=kind, number=number, settings=stored[number] if number < len(stored) else None)
            for number in range(count)
        ]
    return rows


def policies_value(rows: Sequence[PolicyForm]) -> list[dict[str, Settings]]:
    """The policies as a revision or an environment stores them."""
    return [{row.kind: row.settings} for row in rows if row.is_chosen]
