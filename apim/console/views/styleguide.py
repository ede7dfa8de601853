"""The living style page: each component of the design system, drawn by the same templates as everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy

from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.ui.charts import Column
from apim.ui.states import LOOKS
from apim.ui.timeline import Life

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

COLOURS = (
    "bg", "surface", "text", "muted", "accent", "ok", "warn", "danger", "border", "chart-1", "chart-2", "chart-3",
    "chart-4", "chart-5", "chart-6",
)  # fmt: skip
STEPS = ((gettext_lazy("Plan"), "done"), (gettext_lazy("Application"), "current"), (gettext_lazy("Key"), ""))
TRAFFIC = (12, 18, 9, 30, 42, 38, 51, 47, 60, 58, 73, 66)


class SampleForm(forms.Form):
    """One field of each look."""

    name = forms.SlugField(label=gettext_lazy("Name"), help_text=gettext_lazy("Used in URLs and documents."))
    environment = forms.ChoiceField(
        label=gettext_lazy("Environment"),
        choices=(("default", gettext_lazy("Default")), ("test", gettext_lazy("Test"))),
    )
    access = forms.ChoiceField(
        label=gettext_lazy("Access"),
        choices=(("auto", gettext_lazy("At once")), ("manual", gettext_lazy("After approval"))),
        widget=forms.RadioSelect,
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    is_public = forms.BooleanField(required=False, label=gettext_lazy("Everybody sees it"))


@publisher_page
def styleguide(request: ConsoleRequest) -> HttpResponse:
    """Every component once."""
    now = timezone.now()
    columns = [Column(f"{hour:02}:00", {"2xx": calls, "4xx": calls // 7}) for hour, calls in enumerate(TRAFFIC)]
    lives = [
        Life("v1", "deprecated", now - timedelta(days=300), now - timedelta(days=40), now + timedelta(days=120)),
        Life("v2", "published", now - timedelta(days=60), None, None),
    ]
    return page(
        request,
        "console/styleguide.html",
        colours=COLOURS,
        looks=LOOKS,
        sample=SampleForm(initial={"name": "bank"}),
        refused=SampleForm({"name": "not a name", "environment": "default"}, auto_id="refused_%s"),
        steps=STEPS,
        traffic=TRAFFIC,
        columns=columns,
        lives=lives,
    )
