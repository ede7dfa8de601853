"""Keeping a copy of each mail, and sending it on when there is a mail server.

Owns: the copies, the mail server's settings and attempts to send. Must not know: what mails say.
"""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim import broker
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Invalid, Problems
from apim.notifications.constants import FIRST_PAUSE, MOST_ATTEMPTS, NOWHERE, SEND_TASK
from apim.notifications.layout import html_of, sender_of
from apim.notifications.models import MailServer, Message

logger = logging.getLogger(__name__)

_SEAL_CONTEXT = "notifications.mail_server.password"
_TLS_PORT = 465  # TLS from the first byte; other ports start in clear text and upgrade
_TIMEOUT_S = 10
_BATCH = 500  # messages a run
_RUN_S = 20  # shorter than the pause between two runs
_LONGEST_SUBJECT = 255
_EDITABLE = ("host", "port", "user", "use_tls", "sender")


@dataclass(frozen=True, slots=True)
class MailTest:
    """Shapes: error is what the server or the network said, empty when the mail was taken."""

    is_sent: bool
    error: str


def send_mail(*, to: str | Iterable[str], subject: str, body: str, html: str = "") -> list[Message]:
    """One stored message an address, sent on commit when there is a mail server.

    Shapes: a message each, so that nobody reads who else was told; line breaks in the subject become spaces.
    """
    asked = [to] if isinstance(to, str) else list(dict.fromkeys(to))
    addresses = [address for address in asked if not address.endswith(f"@{NOWHERE}")]
    one_line = " ".join(subject.split())[:_LONGEST_SUBJECT]
    messages = Message.objects.bulk_create(
        [Message(to=address, subject=one_line, body=body, html=html) for address in addresses]
    )
    ids = [message.id for message in messages]
    transaction.on_commit(lambda: _enqueue(ids))
    return messages


def deliver(message_id: str) -> bool:
    """True when this call sent the message.

    The row is claimed until its next attempt, so two processes send it once; one that is killed while it sends
    leaves a message that is tried again: rather a mail twice than never.
    """
    server = MailServer.objects.first()
    if server is None:
        return False
    now = timezone.now()
    message = Message.objects.due(now).filter(id=message_id).first()
    if message is None:
        return False
    retry_at = now + FIRST_PAUSE * 2**message.attempts
    claim = Message.objects.due(now).filter(id=message_id, attempts=message.attempts)
    if not claim.update(attempts=message.attempts + 1, retry_at=retry_at):
        return False
    error = _send(server, message)
    if error:
        Message.objects.filter(id=message_id).update(error=error)
        logger.warning(
            "message %s not sent, attempt %d of %d: %s", message_id, message.attempts + 1, MOST_ATTEMPTS, error
        )
        return False
    Message.objects.filter(id=message_id).update(sent_at=timezone.now(), error="")
    return True


def deliver_due(*, within_s: float = _RUN_S) -> int:
    """How many of the messages that wait were sent. Finds what a dead broker or a dead mail server left behind.

    Starts none after within_s: a mail server that hangs would keep this worker from all else. The next run goes on.
    """
    ids = Message.objects.due(timezone.now()).order_by("id").values_list("id", flat=True)[:_BATCH]
    ends_at, sent = time.monotonic() + within_s, 0
    for message_id in list(ids):
        if time.monotonic() >= ends_at:
            break
        sent += deliver(message_id)
    return sent


@transaction.atomic
def set_mail_server(*, changes: Mapping[str, Any], by: Actor, password: str = "") -> MailServer:
    """The mail server as told; an empty password keeps the one there is. Mails kept so far are not sent afterwards."""
    if unknown := sorted(changes.keys() - set(_EDITABLE)):
        raise Invalid(
            "notifications.unknown_field",
            _("A mail server has no field %(name)s.") % {"name": unknown[0]},
            field=unknown[0],
        )
    existing = MailServer.objects.select_for_update().first()
    server = existing or MailServer()
    before = state_of(existing) if existing else None
    for name, value in changes.items():
        setattr(server, name, value)
    if password:
        server.password_sealed = settings.KEYRING.seal(password.encode(), _SEAL_CONTEXT)
    try:
        server.clean_fields()
    except ValidationError as error:
        raise Problems(
            tuple(
                Invalid("notifications.invalid_value", texts[0], field=name)
                for name, texts in error.message_dict.items()
            )
        ) from error
    server.save()
    if existing is None:
        Message.objects.filter(sent_at=None).update(attempts=MOST_ATTEMPTS)  # weeks-old links must not go out now
    record(by=by, action="mail_server.set", target=server, before=before, after=state_of(server))
    return server


@transaction.atomic
def remove_mail_server(*, by: Actor) -> None:
    """Stop sending; mails are kept to be read in the mailbox page, as before the first server."""
    server = MailServer.objects.select_for_update().first()
    if server is not None:
        record(by=by, action="mail_server.remove", target=server, before=state_of(server))
        server.delete()


def test_mail_server(*, to: str, by: Actor) -> MailTest:
    """What happened when a test mail was sent at once, in the words of the server that refused it."""
    server = MailServer.objects.first()
    if server is None:
        raise Invalid(
            "notifications.no_mail_server", _("There is no mail server to test."), hint=_("Save its address first.")
        )
    message = Message(
        to=to,
        subject=_("Test mail"),
        body=_("%(who)s sent this to see whether mail leaves through %(server)s. It does.")
        % {"who": by.label, "server": server}
        + "\n",
        attempts=MOST_ATTEMPTS,  # never sent again by itself
    )
    message.error = _send(server, message)
    message.sent_at = None if message.error else timezone.now()
    message.save()
    record(by=by, action="mail_server.test", target=server, after={"to": to, "error": message.error})
    return MailTest(is_sent=not message.error, error=message.error)


def _enqueue(message_ids: list[str]) -> None:
    """Ask a worker to send them now; without a broker the periodic task finds them within a minute."""
    if MailServer.objects.exists():
        broker.announce(SEND_TASK, *((message_id,) for message_id in message_ids))


def _send(server: MailServer, message: Message) -> str:
    """Why the message could not be sent, or nothing."""
    is_tls_only = server.use_tls and server.port == _TLS_PORT
    backend = EmailBackend(
        host=server.host,
        port=server.port,
        username=server.user,
        password=_password_of(server),
        use_ssl=is_tls_only,
        use_tls=server.use_tls and not is_tls_only,
        timeout=_TIMEOUT_S,
    )
    mail = EmailMultiAlternatives(
        message.subject,
        message.body,
        sender_of(server.sender),
        [message.to],
        connection=backend,
        headers={"Message-ID": _message_id(message, server.sender)},
    )
    mail.attach_alternative(html_of(message), "text/html")
    try:
        mail.send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        return f"{server}: {type(error).__name__}: {error}"
    return ""


def _message_id(message: Message, sender: str) -> str:
    """The same at each attempt: a mail that left twice, since a worker died as it left, is one for most mailboxes."""
    return f"<{message.pk}@{sender.rpartition('@')[2]}>"


def _password_of(server: MailServer) -> str:
    sealed = bytes(server.password_sealed)
    return settings.KEYRING.unseal(sealed, _SEAL_CONTEXT).decode() if sealed else ""
