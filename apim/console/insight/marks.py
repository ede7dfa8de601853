"""What owners did meanwhile: publications and ends of versions, as marks on charts with links."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.audit.models import AuditEvent
from apim.console.insight.filters import Asked

_WORDS = {"version.publish": _("published"), "version.deprecate": _("deprecated"), "version.retire": _("retired")}
_MOST = 20


class Happening(NamedTuple):
    """Something that was done to a version."""

    at: datetime
    text: str
    url: str


def happenings_in(asked: Asked) -> list[Happening]:
    """The newest publications, deprecations and retirements of the versions asked for, the oldest first. One query."""
    events = AuditEvent.objects.filter(
        action__in=list(_WORDS), at__gte=asked.window.since, at__lt=asked.window.until, target_kind="apiversion"
    )
    if asked.question.version_ids is not None:
        events = events.filter(target_id__in=list(asked.question.version_ids))
    found = []
    for at, action, target in events.order_by("-at").values_list("at", "action", "target_id")[:_MOST]:
        version = asked.versions.get(target)
        if version is not None:
            words = {"version": version, "done": _WORDS[action], "time": f"{at:%Y-%m-%d %H:%M}"}
            text = gettext("%(version)s %(done)s, %(time)s UTC") % words
            found.append(Happening(at, text, reverse("console:version-revisions", args=[version.api, version.name])))
    return found[::-1]
