"""What an announcement says: its mail, as text and as HTML, and its notice in the portal."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.loader import render_to_string
from django.urls import reverse

from apim.accounts.links import absolute_url
from apim.announcements.models import Announcement
from apim.ui.article import render
from apim.ui.templatetags.prose import excerpt


@dataclass(frozen=True, slots=True)
class Words:
    """Shapes: text and html are the mail's two forms; notice is the beginning, plain; path is a page of the portal."""

    subject: str
    text: str
    html: str
    notice: str
    path: str


def words_of(announcement: Announcement) -> Words:
    """The mail and the notice, the same for every receiver."""
    path = reverse("portal:api", args=[announcement.api.name])
    context = {
        "announcement": announcement,
        "api": announcement.api,
        "body": render(announcement.body, first_heading=2),
        "api_link": absolute_url(path),
        "choices_link": absolute_url(reverse("portal:notifications")),
        "is_needed": announcement.kind == Announcement.Kind.DEPRECATION,
    }
    return Words(
        subject=announcement.subject,
        text=render_to_string("mail/announcement.txt", context),
        html=render_to_string("mail/announcement.html", context),
        notice=excerpt(announcement.body, 300),
        path=path,
    )
