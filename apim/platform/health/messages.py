"""Mail: whether the server answers, and what could not be sent."""

from __future__ import annotations

import smtplib
from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.notifications.constants import MOST_ATTEMPTS
from apim.notifications.models import MailServer, Message
from apim.platform.health.verdicts import Verdict, amber, green, red

TIMEOUT_S: Final = 3.0
LATE_AFTER: Final = timedelta(minutes=10)
_TLS_PORT: Final = 465
_PAGE: Final = "/console/admin/mail-server"


def mail_server() -> Verdict:
    """Whether it greets; it is sent nothing."""
    server = MailServer.objects.first()
    if server is None:
        return amber(gettext("There is no mail server: invitations and codes stay in the mailbox page."), page=_PAGE)
    kind = smtplib.SMTP_SSL if server.use_tls and server.port == _TLS_PORT else smtplib.SMTP
    try:
        with kind(server.host, server.port, timeout=TIMEOUT_S) as client:
            client.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        text = gettext("%(server)s does not answer: %(reason)s")
        return red(text % {"server": server, "reason": str(error) or type(error).__name__}, page=_PAGE)
    return green(gettext("%(server)s answers.") % {"server": server})


def outbox() -> Verdict:
    """Mails that were given up, or wait for too long."""
    page = "/console/admin/mailbox"
    if not MailServer.objects.exists():
        return green(gettext("Without a mail server mails are only kept."))
    failed = Message.objects.filter(sent_at=None, attempts__gte=MOST_ATTEMPTS).exclude(error="").count()
    if failed:
        text = ngettext("%(count)d mail was given up.", "%(count)d mails were given up.", failed)
        return amber(text % {"count": failed}, page=page)
    late = Message.objects.due(timezone.now() - LATE_AFTER).count()
    if late:
        text = ngettext("%(count)d mail waits for too long.", "%(count)d mails wait for too long.", late)
        return red(text % {"count": late}, page=page)
    return green(gettext("No mail waits for long."))
