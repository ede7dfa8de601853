"""What people call the kinds of objects that the audit log names."""

from __future__ import annotations

from typing import Final

from django.apps import apps
from django.utils.translation import gettext_lazy as _

# Whose words differ from the model's own, which Django spells out: planversion is a plan version.
_WORDS: Final = {
    "api": _("API"),
    "apiversion": _("API version"),
    "apitoken": _("token"),
    "credential": _("key"),
    "endpoint": _("webhook"),
    "billingsubscription": _("subscription at the payment provider"),
    "user": _("person"),
}


def kind_words(kind: str) -> str:
    """`plan version` for `planversion`; a kind that no model has any more as it is."""
    if kind in _WORDS:
        return str(_WORDS[kind])
    for model in apps.get_models():
        if model._meta.model_name == kind:  # noqa: SLF001 - a documented interface
            return str(model._meta.verbose_name)  # noqa: SLF001
    return kind


def kind_named(words: str) -> str:
    """The kind that people call so: `planversion` for `Plan version`."""
    text = words.strip().lower()
    known = {str(each).lower(): kind for kind, each in _WORDS.items()}
    return known.get(text) or text.replace(" ", "")
