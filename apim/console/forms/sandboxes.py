"""The form about what answers a version's sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, gettext_lazy

from apim.catalog.sandboxes import DOCUMENT, SERVICE
from apim.console.forms.fields import LinesField, PairsField

_DEFAULT_TIMEOUT_S: Final = 30


class SandboxForm(forms.Form):
    """The document's examples, or a service with its addresses."""

    source = forms.ChoiceField(
        choices=(
            (DOCUMENT, gettext_lazy("The examples of the document")),
            (SERVICE, gettext_lazy("A service of ours: a test system")),
        ),
        widget=forms.RadioSelect,
        label=gettext_lazy("What answers in the sandbox"),
    )
    targets = LinesField(
        required=False,
        label=gettext_lazy("Addresses of the test system"),
        help_text=gettext_lazy("One a line, such as https://bank.test.example.com. Callers never see them."),
    )
    timeout_s = forms.FloatField(
        min_value=0.1, max_value=3600, initial=_DEFAULT_TIMEOUT_S, label=gettext_lazy("Timeout (seconds)")
    )
    headers = PairsField(
        required=False,
        label=gettext_lazy("Header fields that it gets"),
        help_text=gettext_lazy("One `Name: value` a line, such as what opens the test system."),
    )

    def __init__(self, data: Any, *, upstream: Mapping[str, Any]) -> None:
        self._kept = {name: group for name, group in upstream.items() if name not in self.base_fields}
        self._targets = {target["url"]: target for target in upstream.get("targets", ())}
        initial = {
            "source": SERVICE if upstream else DOCUMENT,
            "targets": list(self._targets),
            "timeout_s": upstream.get("timeout_s", _DEFAULT_TIMEOUT_S),
            "headers": upstream.get("headers", {}),
        }
        super().__init__(data, initial=initial)

    def clean(self) -> dict[str, Any]:
        """The data; a service has an address."""
        data = super().clean() or {}
        if data.get("source") == SERVICE and not data.get("targets") and "targets" not in self.errors:
            self.add_error("targets", ValidationError(gettext("Where is the test system?"), code="required"))
        return data

    @property
    def upstream(self) -> dict[str, Any]:
        """The service as a version keeps it, {} = none; what this form does not show stays."""
        data = self.cleaned_data
        if data["source"] == DOCUMENT:
            return {}
        targets = [self._targets.get(url, {"url": url}) for url in data["targets"]]
        return {**self._kept, "targets": targets, "timeout_s": data["timeout_s"], "headers": data["headers"]}
