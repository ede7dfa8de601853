"""The form of an announcement."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.announcements.models import Announcement
from apim.catalog.models import API, APIVersion
from apim.console.forms.apis import VersionNameChoice
from apim.console.forms.fields import offer_choices, offer_rows

_SPANS = (
    (7, _("that called in the last 7 days")),
    (30, _("that called in the last 30 days")),
    (90, _("that called in the last 90 days")),
    (0, _("that are subscribed, whether they called or not")),
)


class AnnouncementForm(forms.ModelForm):
    """Whom to tell, and what."""

    version = VersionNameChoice(
        queryset=APIVersion.objects.none(), required=False, label=_("Version"), empty_label=_("Every version")
    )
    operation = forms.ChoiceField(
        required=False, label=_("Operation"), help_text=_("Only those who called it. Says nothing of all subscribers.")
    )
    days = forms.TypedChoiceField(choices=_SPANS, coerce=int, initial=30, label=_("Applications"))

    class Meta:
        model = Announcement
        fields = ("version", "operation", "days", "subject", "body")
        labels = {"subject": _("Subject"), "body": _("Text")}
        help_texts = {"body": _("Markdown. The mail has it as text and as HTML; the portal shows its beginning.")}
        widgets = {"body": forms.Textarea(attrs={"rows": 12})}

    def __init__(self, *args: Any, api: API, operations: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "version", api.versions.exclude(published_at=None))
        chosen = [self.instance.operation] if self.instance.operation else []
        names = dict.fromkeys([*operations, *chosen])
        offer_choices(self, "operation", [("", _("Any operation")), *((name, name) for name in names)])
