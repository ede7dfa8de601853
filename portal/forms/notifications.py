"""Which notices come by mail."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.notifications.models import MailChoices


class MailChoicesForm(forms.ModelForm):
    """A person's choices."""

    class Meta:
        model = MailChoices
        fields = ("announcements", "news", "quotas")
        labels = {
            "announcements": _("Announcements of API owners"),
            "news": _("New versions and deprecations of APIs I use or follow"),
            "quotas": _("Quotas that run out"),
        }
