"""Forms about an upstream: its targets, its time-out, and one form for each group of settings.

What the settings are called and mean, and which are right, the groups say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from apim.console.forms.fields import BELOW
from apim.console.forms.policies import setting_field
from apim.console.forms.versions import NoteField
from apim.ui.said import said_both
from gateway_sync.problems import Where
from gateway_sync.upstreams import DESCRIPTIONS, KINDS, parse_settings
from gateway_sync.upstreams.canary import HEAVIEST

DEFAULT_TIMEOUT_S = 30

Settings = Mapping[str, object]


class UpstreamForm(forms.Form):
    """How long to wait for the upstream; its targets are in a formset beside."""

    timeout_s = forms.FloatField(
        label=gettext_lazy("Timeout (seconds)"), min_value=0.1, max_value=3600, initial=DEFAULT_TIMEOUT_S,
        help_text=gettext_lazy("Callers get 504 upstream-timeout after it."),
    )  # fmt: skip
    note = NoteField()


class TargetForm(forms.Form):
    """One address of the upstream; an empty row is left out."""

    url = forms.URLField(required=False, label=gettext_lazy("Target URL"), assume_scheme="https")
    weight = forms.IntegerField(
        required=False,
        label=gettext_lazy("Share"),
        min_value=0,
        max_value=10_000,
        initial=100,
        help_text=gettext_lazy("Of the sum of all shares."),
    )
    priority = forms.IntegerField(
        required=False,
        label=gettext_lazy("Priority"),
        min_value=0,
        max_value=9,
        initial=0,
        help_text=gettext_lazy("0 is asked first."),
    )
    arm = forms.RegexField(
        r"^[a-z0-9][a-z0-9-]{0,29}$",
        required=False,
        label=gettext_lazy("Arm"),
        help_text=gettext_lazy("With a canary: its group."),
    )


TargetFormSet = forms.formset_factory(TargetForm, extra=1, max_num=50)


class GroupForm(forms.Form):
    """The settings of one group, and whether the upstream has it."""

    is_on = forms.BooleanField(required=False, label=gettext_lazy("On"))

    def __init__(self, data: Any, *, kind: str, settings: Settings | None) -> None:
        self.kind = kind
        self.text = DESCRIPTIONS[kind]
        super().__init__(data, prefix=kind, initial={"is_on": settings is not None, **(settings or {})})
        for setting in self.text.settings:
            self.fields[setting.name] = setting_field(setting)

    def clean(self) -> dict[str, Any]:
        """The data; the settings must please the group when it is on."""
        data = super().clean() or {}
        if data.get("is_on") and not self.errors:
            _, problems = parse_settings({self.kind: self.settings}, Where("upstream", self.kind))
            for problem in problems:
                name = problem.where.field.rpartition(".")[2]
                error = ValidationError(said_both(problem.message, problem.hint), code=problem.code)
                self.add_error(name if name in self.fields else None, error)
        return data

    @property
    def settings(self) -> dict[str, object]:
        """The settings as a document writes them; what was left empty is left to the group's default."""
        names = [setting.name for setting in self.text.settings]
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) not in ("", None, [])}


def group_forms(data: Any, upstream: Mapping[str, Any]) -> list[GroupForm]:
    """A form for each group of settings, in the order of the reference."""
    return [GroupForm(data, kind=kind, settings=upstream.get(kind)) for kind in KINDS]


def upstream_value(form: UpstreamForm, targets: Any, groups: Sequence[GroupForm]) -> dict[str, object]:
    """The upstream as a revision stores it."""
    rows = [row for row in targets.cleaned_data if row.get("url")]
    return {
        "targets": [
            {
                "url": row["url"],
                "weight": 100 if row["weight"] is None else row["weight"],
                "priority": row["priority"] or 0,
                "arm": row["arm"],
            }
            for row in rows
        ],
        "timeout_s": form.cleaned_data["timeout_s"],
        **{group.kind: group.settings for group in groups if group.cleaned_data["is_on"]},
    }


class UpstreamForms(forms.Form):
    """The forms of the page as one: what a service refuses comes to stand at the field that it is about."""

    def __init__(self, form: UpstreamForm, targets: Any, groups: Sequence[GroupForm]) -> None:
        super().__init__()
        self._form = form
        rows = [row for row in targets if row.cleaned_data.get("url")]
        owners: dict[str, forms.Form] = {f"targets-{index}": row for index, row in enumerate(rows)}
        owners |= {group.kind: group for group in groups if group.cleaned_data["is_on"]}
        self._places = {f"{prefix}-{name}": (owner, name) for prefix, owner in owners.items() for name in owner.fields}
        self.fields = {place: owner.fields[name] for place, (owner, name) in self._places.items()}

    def place_of(self, field: str) -> str:
        """`upstream.targets.0.url` is `targets-0-url` here."""
        return field.removeprefix("upstream.").replace(".", "-")

    def add_error(self, field: str | None, error: Any) -> None:
        """Put it into the form that has the field; what no form has goes to the top of the page."""
        owner, name = self._places[field] if field else (self._form, None)
        owner.add_error(name, error)
        if owner is not self._form and not self._form.errors:
            self._form.add_error(None, BELOW)


class ArmsForm(forms.Form):
    """The weights of a canary's arms as they are now."""

    def __init__(self, data: Any, *, arms: Mapping[str, int]) -> None:
        super().__init__(data, prefix="arms")
        for name, weight in arms.items():
            self.fields[name] = forms.IntegerField(label=name, min_value=0, max_value=HEAVIEST, initial=weight)
