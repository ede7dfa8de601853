"""What people call the kinds of objects and of actors that the audit log names."""

from __future__ import annotations

from typing import Final

from django.apps import apps
from django.utils.translation import gettext_lazy as _

# Django spells out the name of a model, planversion is a plan version, but only in English and not always as people do.
_WORDS: Final = {
    "api": _("API"),
    "apiversion": _("API version"),
    "apitoken": _("token"),
    "credential": _("key"),
    "endpoint": _("webhook"),
    "billingsubscription": _("subscription at the payment provider"),
    "user": _("person"),
    "alertrule": _("alert rule"),
    "announcement": _("announcement"),
    "application": _("application"),
    "applicationtransfer": _("application transfer"),
    "ceiling": _("ceiling"),
    "certificate": _("certificate"),
    "demo": _("demo"),
    "deployment": _("deployment"),
    "environment": _("environment"),
    "follow": _("follow"),
    "gateway": _("gateway"),
    "guide": _("guide"),
    "host": _("host"),
    "installation": _("installation"),
    "invitation": _("invitation"),
    "invoice": _("invoice"),
    "issuer": _("issuer"),
    "job": _("job"),
    "jointoken": _("join token"),
    "leakreport": _("leak report"),
    "look": _("look"),
    "mailserver": _("mail server"),
    "mailtext": _("mail text"),
    "membership": _("membership"),
    "meter": _("meter"),
    "organization": _("organization"),
    "picture": _("picture"),
    "plan": _("plan"),
    "planmigration": _("plan migration"),
    "planversion": _("plan version"),
    "product": _("product"),
    "promotion": _("promotion"),
    "rehearsal": _("rehearsal"),
    "retentionrule": _("retention rule"),
    "revision": _("revision"),
    "spendingcontrol": _("spending control"),
    "stripeconnection": _("stripe connection"),
    "subscription": _("subscription"),
    "topup": _("top up"),
}

_ACTORS: Final = {"gateway": _("gateway"), "system": _("by itself"), "token": _("token"), "user": _("person")}


def actor_words(kind: str) -> str:
    """What a kind of actor is called: `by itself` for `system`."""
    return str(_ACTORS.get(kind, kind))


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
