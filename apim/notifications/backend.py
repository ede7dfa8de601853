"""Django's e-mail backend: whatever the product or a library sends becomes a stored message first."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from apim.notifications.services import send_mail


class StoringBackend(BaseEmailBackend):
    """Hands each mail to send_mail, which keeps it and sends it on."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """How many mails were kept: all."""
        for mail in email_messages:
            send_mail(to=mail.recipients(), subject=str(mail.subject), body=str(mail.body), html=_html_of(mail))
        return len(email_messages)


def _html_of(mail: EmailMessage) -> str:
    """The HTML alternative, when there is one."""
    if not isinstance(mail, EmailMultiAlternatives):
        return ""
    return next((str(content) for content, kind in mail.alternatives if kind == "text/html"), "")
