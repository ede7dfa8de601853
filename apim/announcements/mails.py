"""What an announcement says: its mail, as text and as HTML, and its notice in the portal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise, lazy

from apim.accounts.links import absolute_url
from apim.announcements.models import Announcement
from apim.announcements.own_words import version_of, words_about
from apim.mails.writing import write
from apim.ui.article import render
from apim.ui.templatetags.prose import excerpt

_LONGEST_NOTICE: Final = 300


@dataclass(frozen=True, slots=True)
class Words:
    """Shapes: text and html are the mail's two forms; path is a page of the portal."""

    subject: str
    text: str
    html: str
    path: str


def words_of(announcement: Announcement, own: tuple[str, str] | None = None) -> Words:
    """The mail, in the language that is spoken here. Shapes: own = subject and body in it."""
    subject, text = own or (announcement.subject, announcement.body)
    path = reverse("portal:api", args=[announcement.api.name])
    values = {
        "subject": subject,
        "text": text,
        "api": announcement.api.display_name,
        "api_link": absolute_url(path),
        "choices_link": absolute_url(reverse("portal:notifications")),
        "is_needed": "1" if announcement.kind == Announcement.Kind.DEPRECATION else "",
    }
    written = write("announcements.announcement", values)
    body = render(text, first_heading=2)
    return Words(
        subject=written.subject,
        text=written.text,
        html=written.html or render_to_string("mail/announcement.html", values | {"body": body}),
        path=path,
    )


def notice_of(announcement: Announcement) -> tuple[str | Promise, str | Promise]:
    """The title and the beginning of the text; lazy where a version tells it by itself, for each reader's language."""
    version = version_of(announcement)
    if version is None:
        return announcement.subject, excerpt(announcement.body, _LONGEST_NOTICE)
    told = version

    def title() -> str:
        return words_about(told, announcement)[0]

    def text() -> str:
        return excerpt(words_about(told, announcement)[1], _LONGEST_NOTICE)

    return lazy(title, str)(), lazy(text, str)()
