"""Mails are kept, sent once, and tried again, against a real SMTP server on loopback."""

from __future__ import annotations

import email
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message as Mail
from functools import partial
from threading import Thread

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Invalid, Problems
from apim.notifications import services
from apim.notifications.constants import FIRST_PAUSE, MOST_ATTEMPTS
from apim.notifications.models import MailServer, Message
from tests.racing import at_once


class Post(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps what it is given; `refusal` is what it says to each recipient instead."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails: list[Mail] = []
        self.refusal = ""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Conversation(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs to hand over a mail."""

    server: Post

    def handle(self) -> None:
        self.say("220 post")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.say("354 go on")
                self.server.mails.append(email.message_from_bytes(b"".join(iter(self.rfile.readline, b".\r\n"))))
            if verb == b"QUIT":
                self.say("221 bye")
                return
            self.say(self.server.refusal if verb == b"RCPT" and self.server.refusal else "250 ok")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def running() -> Iterator[Post]:
    with Post() as post:
        thread = Thread(target=post.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield post
        finally:
            post.shutdown()
            thread.join()


@pytest.fixture
def post() -> Iterator[Post]:
    """A running SMTP server."""
    with running() as post:
        yield post


def save_server(port: int, by: Actor, password: str = "") -> MailServer:
    changes = {"host": "127.0.0.1", "port": port, "use_tls": False, "sender": "apis@example.org"}
    return services.set_mail_server(changes=changes, password=password, by=by)


def test_without_a_server_mails_are_kept_to_be_read(db: None) -> None:
    (message,) = services.send_mail(to="ana@example.org", subject="Hello", body="Text")
    assert services.deliver(message.id) is False
    message.refresh_from_db()
    assert (message.sent_at, message.attempts, message.error) == (None, 0, "")


def test_each_address_gets_a_mail_of_its_own(db: None) -> None:
    services.send_mail(to=["a@example.org", "b@example.org", "a@example.org"], subject="Hello", body="Text")
    assert sorted(Message.objects.values_list("to", flat=True)) == ["a@example.org", "b@example.org"]


def test_a_subject_cannot_smuggle_headers(post: Post, by: Actor, db: None) -> None:
    save_server(post.port, by)
    (message,) = services.send_mail(to="a@example.org", subject="Hi\r\nBcc: all@example.org", body="x")
    assert services.deliver(message.id)
    assert post.mails[0]["Bcc"] is None
    assert post.mails[0]["Subject"] == "Hi Bcc: all@example.org"


def test_whatever_django_sends_is_kept_with_its_html(db: None) -> None:
    mail = EmailMultiAlternatives("Hello", "Text", to=["a@example.org"], cc=["b@example.org"])
    mail.attach_alternative("<p>Text</p>", "text/html")
    assert mail.send() == 1
    assert set(Message.objects.values_list("to", "html")) == {
        ("a@example.org", "<p>Text</p>"),
        ("b@example.org", "<p>Text</p>"),
    }


def test_a_mail_leaves_by_the_server_once(post: Post, by: Actor, db: None) -> None:
    save_server(post.port, by)
    (message,) = services.send_mail(to="ana@example.org", subject="Grüße", body="Text\n", html="<p>Text</p>")
    assert services.deliver(message.id) is True
    assert services.deliver(message.id) is False
    message.refresh_from_db()
    assert message.sent_at is not None
    (mail,) = post.mails
    assert (mail["To"], mail["From"]) == ("ana@example.org", "apim <apis@example.org>")
    assert mail["Message-ID"].endswith("@example.org>")
    plain, html = (part.get_payload(decode=True).decode() for part in mail.get_payload())
    assert plain.split() == ["Text"]
    assert "<p>Text</p>" in html
    assert "#2b4fd8" in html  # the accent of the live look


def test_a_refused_mail_keeps_the_reason_and_is_tried_again_later(post: Post, by: Actor, db: None) -> None:
    save_server(post.port, by)
    post.refusal = "451 greylisted, come back"
    (message,) = services.send_mail(to="ana@example.org", subject="Hello", body="Text")
    assert services.deliver(message.id) is False
    message.refresh_from_db()
    assert "greylisted" in message.error
    assert message.retry_at > timezone.now() + FIRST_PAUSE / 2
    assert services.deliver_due() == 0
    post.refusal = ""
    Message.objects.update(retry_at=timezone.now())
    assert services.deliver_due() == 1
    message.refresh_from_db()
    assert (message.error, message.attempts) == ("", 2)


def test_a_mail_nobody_takes_is_given_up(by: Actor, db: None) -> None:
    save_server(1, by)
    (message,) = services.send_mail(to="ana@example.org", subject="Hello", body="Text")
    for _ in range(MOST_ATTEMPTS + 2):
        Message.objects.update(retry_at=timezone.now())
        services.deliver_due()
    message.refresh_from_db()
    assert message.attempts == MOST_ATTEMPTS
    assert "ConnectionRefusedError" in message.error


def test_a_run_out_of_time_leaves_mails_to_the_next(post: Post, by: Actor, db: None) -> None:
    save_server(post.port, by)
    services.send_mail(to=["ana@example.org", "ben@example.org"], subject="Hello", body="Text")
    assert services.deliver_due(within_s=0) == 0
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}
    assert services.deliver_due() == 2


def test_mails_of_the_time_before_the_first_server_stay_unsent(post: Post, by: Actor, db: None) -> None:
    services.send_mail(to="ana@example.org", subject="Your code", body="old")
    save_server(post.port, by)
    assert services.deliver_due() == 0
    assert post.mails == []


@pytest.mark.django_db(transaction=True)
def test_many_deliverers_send_a_mail_once(post: Post, by: Actor) -> None:
    save_server(post.port, by)
    (message,) = services.send_mail(to="ana@example.org", subject="Hello", body="Text")
    at_once([partial(services.deliver, message.id)] * 6)
    assert len(post.mails) == 1


@pytest.mark.django_db(transaction=True)
def test_a_mail_of_a_transaction_that_fails_is_never_sent() -> None:
    def send_and_fail() -> None:
        services.send_mail(to="ana@example.org", subject="Hello", body="Text")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transaction.atomic(send_and_fail)()
    assert not Message.objects.exists()


def test_the_password_is_sealed_and_kept_when_none_is_given(post: Post, by: Actor, db: None) -> None:
    sealed = bytes(save_server(post.port, by, password="open sesame").password_sealed)
    assert b"sesame" not in sealed
    assert bytes(save_server(post.port, by).password_sealed) == sealed
    assert "sesame" not in str(AuditEvent.objects.values())


def test_a_test_tells_what_the_server_said(post: Post, by: Actor, db: None) -> None:
    with pytest.raises(Invalid) as caught:
        services.test_mail_server(to="ana@example.org", by=by)
    assert caught.value.code == "notifications.no_mail_server"
    save_server(post.port, by)
    assert services.test_mail_server(to="ana@example.org", by=by).is_sent
    post.refusal = "550 no such person"
    failed = services.test_mail_server(to="ana@example.org", by=by)
    assert not failed.is_sent
    assert "no such person" in failed.error
    assert Message.objects.filter(subject="Test mail").count() == 2


def test_a_server_that_makes_no_sense_is_refused(by: Actor, db: None) -> None:
    with pytest.raises(Problems) as caught:
        services.set_mail_server(changes={"host": "", "port": 25, "sender": "nobody"}, by=by)
    assert {error.field for error in caught.value.errors} == {"host", "sender"}
    assert not MailServer.objects.exists()


def test_only_admins_read_mails(admin: User, owner: User) -> None:
    services.send_mail(to="ana@example.org", subject="Your code", body="Text")
    assert Message.objects.visible_to(admin).count() == 1
    assert Message.objects.visible_to(owner).count() == 0
