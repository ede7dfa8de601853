"""What an announcement says: its mail, as text and as HTML, and its notice in the portal."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.loader import render_to_string
from django.urls import reverse

from apim.accounts.links import absolute_url
from apim.announcements.models import Announcement
from apim.mails.writing import write
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


def words_of(announcement: Announcement, own: tuple[str, str] | None = None) -> Words:
    """The mail and the notice, in the language that is spoken here. Shapes: own = subject and body in it."""
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
        notice=excerpt(text, 300),
        path=path,
    )
