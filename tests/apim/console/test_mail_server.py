"""The mail server in the console: removed after a yes, with a word on what becomes of mails."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.audit.models import AuditEvent
from apim.notifications.models import MailServer
from tests.factories.accounts import user

pytestmark = pytest.mark.django_db

PAGE = "/console/admin/mail-server"


@pytest.fixture
def admins() -> Client:
    client = Client()
    client.force_login(user(is_platform_admin=True))
    return client


def test_a_mail_server_is_removed_after_a_yes(admins: Client) -> None:
    MailServer.objects.create(host="mail.example.com", port=587, sender="apim@example.com")
    assert f"{PAGE}/remove" in admins.get(PAGE).content.decode()
    asked = admins.get(f"{PAGE}/remove").content.decode()
    assert "mail.example.com:587" in asked
    assert "stays in the mailbox" in asked
    assert MailServer.objects.exists()
    answer = admins.post(f"{PAGE}/remove")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert not MailServer.objects.exists()
    assert AuditEvent.objects.filter(action="mail_server.remove").exists()
    assert f"{PAGE}/remove" not in admins.get(PAGE).content.decode()


def test_where_there_is_no_server_there_is_none_to_remove(admins: Client) -> None:
    assert admins.get(f"{PAGE}/remove").status_code == 404
