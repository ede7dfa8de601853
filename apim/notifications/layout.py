"""The HTML form of a mail: what it says between the head and the foot of the live look.

Owns: that form. Must not know: what mails say. Styles are inline, since programs that read mail drop the others.
"""

from __future__ import annotations

from email.utils import formataddr

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from apim.accounts.links import absolute_url
from apim.branding.brand import Brand, live_brand
from apim.mails.filling import plain_as_html
from apim.notifications.models import Message


def html_of(message: Message) -> str:
    """The whole HTML of a mail; one that has no HTML of its own says what its text says."""
    return laid_out(content_of(message.body, message.html), live_brand())


def content_of(text: str, html: str) -> SafeString:
    """What stands between head and foot."""
    return mark_safe(html) if html else plain_as_html(text)  # noqa: S308 - what senders keep is clean already


def laid_out(content: str, brand: Brand) -> str:
    """The content in the look; pictures and links of it lead to this installation."""
    return render_to_string(
        "email/layout.html",
        {
            "brand": brand,
            "content": content,
            "home": absolute_url("/"),
            "logo": absolute_url(brand.logo.path) if brand.logo else "",
            "links": [(link.label, _whole(link.url)) for link in brand.links],
        },
    )


def sender_of(address: str) -> str:
    """The address that mails come from, under the portal's name."""
    return formataddr((live_brand().name, address))


def _whole(url: str) -> str:
    return absolute_url(url) if url.startswith("/") else url
