"""The editor of a guide."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apim.catalog.models import Guide


class GuideForm(forms.ModelForm):
    """A page of prose."""

    class Meta:
        model = Guide
        fields = ("title", "slug", "position", "body", "is_published")
        labels = {
            "title": _("Title"),
            "slug": _("Address"),
            "position": _("Place in the list"),
            "body": _("Text"),
            "is_published": _("Published: readers find it in the portal"),
        }
        help_texts = {
            "slug": _("The last part of its URL, such as `getting-started`. Links to an old address lead nowhere."),
            "position": _("Smaller numbers come first."),
            "body": _("Markdown: headings, lists, tables, links, code. Raw HTML and images are left out."),
        }
        widgets = {"body": forms.Textarea(attrs={"rows": 22, "class": "mono", "spellcheck": "true"})}
