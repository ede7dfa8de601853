"""What the product itself announces, in words: in the language of each reader, made from the cause and the version.

Owns: the sentences. Must not know: when something is due, who is told.
"""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apim.announcements.models import Announcement
from apim.catalog.models import APIVersion

CALLED_WITHIN_DAYS: Final = 30


def own_words(announcement: Announcement) -> tuple[str, str]:
    """The subject and the body in the language that is spoken here; as it was written, when people wrote it.

    A version that is gone is spoken of as it was kept, in English.
    """
    version = version_of(announcement)
    return words_about(version, announcement) if version else (announcement.subject, announcement.body)


def version_of(announcement: Announcement) -> APIVersion | None:
    """The version that tells it by itself; None for what people wrote, and for a version that is gone."""
    if not announcement.cause:
        return None
    version_id = announcement.cause.split(":")[1]
    return APIVersion.objects.filter(pk=version_id).select_related("api", "successor").first()


def words_about(version: APIVersion, announcement: Announcement) -> tuple[str, str]:
    """The same, of the version that the cause names."""
    code, *told = (announcement.cause or "").split(":")
    if code == "published":
        return published_words(version)
    if code == "deprecated":
        return deprecated_words(version)
    return sunset_words(version, int(told[-1]))


def published_words(version: APIVersion) -> tuple[str, str]:
    """Of a new version."""
    text = _(
        "%(api)s has a new version, **%(version)s**. Your calls go on as before; the changelog says what is different."
    )
    names = {"api": version.api.display_name, "version": version.name}
    return _("%(name)s is published") % {"name": _name(version)}, text % names


def deprecated_words(version: APIVersion) -> tuple[str, str]:
    """Of a version that is to end."""
    text = _(
        "**%(name)s** is deprecated. You read this because applications of yours called it in the last %(within)s days,"
        " or you follow it."
    )
    names = {"name": _name(version), "within": CALLED_WITHIN_DAYS}
    return _("%(name)s is deprecated") % names, "\n\n".join([text % names, *_what_follows(version)])


def sunset_words(version: APIVersion, days: int) -> tuple[str, str]:
    """Of a version that ends in so many days."""
    text = ngettext(
        "**%(name)s** ends in %(days)s day. You read this because applications of yours called it in the last"
        " %(within)s days, or you follow it.",
        "**%(name)s** ends in %(days)s days. You read this because applications of yours called it in the last"
        " %(within)s days, or you follow it.",
        days,
    )
    names = {"name": _name(version), "days": days, "within": CALLED_WITHIN_DAYS}
    subject = ngettext("%(name)s ends in %(days)s day", "%(name)s ends in %(days)s days", days) % names
    return subject, "\n\n".join([text % names, *_what_follows(version)])


def _what_follows(version: APIVersion) -> list[str]:
    lines = []
    if version.sunset_at:
        day = f"{version.sunset_at:%Y-%m-%d}"
        lines.append(_("It answers until %(day)s, and with 410 from then on.") % {"day": day})
    if version.successor:
        text = _("Move to **%(version)s**: the changelog says what is different.")
        lines.append(text % {"version": version.successor.name})
    return lines


def _name(version: APIVersion) -> str:
    return f"{version.api.display_name} {version.name}"
