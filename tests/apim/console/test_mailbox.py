"""The mailbox: mails as admins read them, without what lets a reader in once a server brings mails."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.notifications.models import MailServer, Message
from tests.factories.accounts import user

pytestmark = pytest.mark.django_db


def test_secrets_of_mails_are_shown_only_where_there_is_no_other_way_to_read_them() -> None:
    client = Client()
    client.force_login(user(is_platform_admin=True))
    message = Message.objects.create(
        to="ana@example.org", subject="Join", body="https://x.example/invite/s3cr3t-part\n"
    )
    page = f"/console/admin/mailbox/{message.pk}"
    assert "s3cr3t-part" in client.get(page).content.decode()
    MailServer.objects.create(host="mail.example.com", sender="apim@example.com")
    shown = client.get(page).content.decode()
    assert "s3cr3t-part" not in shown
    assert "are hidden" in shown


def test_a_code_in_a_subject_is_hidden_in_the_list_and_on_the_page() -> None:
    client = Client()
    client.force_login(user(is_platform_admin=True))
    message = Message.objects.create(
        to="ana@example.org", subject="MSLL-QNBH is your code", body="It is\n\n MSLL-QNBH\n"
    )
    pages = ("/console/admin/mailbox", f"/console/admin/mailbox/{message.pk}")
    assert all("MSLL-QNBH" in client.get(page).content.decode() for page in pages)
    MailServer.objects.create(host="mail.example.com", sender="apim@example.com")
    assert not any("MSLL-QNBH" in client.get(page).content.decode() for page in pages)
    message.refresh_from_db()
    assert message.subject == "MSLL-QNBH is your code"
