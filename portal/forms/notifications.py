"""Which notices come by mail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.accounts.permissions import owns_anything
from apim.notifications.models import MailChoices


class MailChoicesForm(forms.ModelForm):
    """A person's choices."""

    class Meta:
        model = MailChoices
        fields = ("announcements", "news", "quotas", "jobs")
        labels = {
            "announcements": _("Announcements of API owners"),
            "news": _("New versions and deprecations of APIs I use or follow"),
            "quotas": _("Quotas that run out"),
            "jobs": _("Long work of mine that has ended"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not owns_anything(self.instance.user):  # nobody else asks for long work
            del self.fields["jobs"]
