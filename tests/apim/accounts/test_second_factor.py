"""A second factor: set up, asked for at each log-in, and taken away from who lost it."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client

from apim.accounts.models import User
from apim.audit.models import AuditEvent
from apim.notifications.models import Message
from tests.apim.accounts.second_factor import ACTIVATE, HOME, log_in, recovery_codes, set_up

pytestmark = pytest.mark.django_db


def test_with_an_app_the_password_alone_opens_nothing(developer: User) -> None:
    set_up(developer)
    client = Client()
    assert log_in(client, developer) == f"{HOME}authenticate/"
    assert client.get("/my").status_code == 302
    wrong = client.post(f"{HOME}authenticate/", {"code": "000000"})
    assert (wrong.status_code, b"Incorrect code" in wrong.content) == (200, True)
    assert client.get("/my").status_code == 302


def test_a_recovery_code_logs_in_once(developer: User) -> None:
    codes = recovery_codes(set_up(developer)[0])
    assert len(codes) == 10
    client = Client()
    log_in(client, developer)
    assert client.post(f"{HOME}authenticate/", {"code": codes[0]})["Location"] == "/my"
    assert client.get("/my").status_code == 200
    assert codes[0] not in recovery_codes(client)
    again = Client()
    log_in(again, developer)
    assert again.post(f"{HOME}authenticate/", {"code": codes[0]}).status_code == 200


def test_the_secret_is_sealed_where_it_is_kept(developer: User) -> None:
    _, secret = set_up(developer)
    kept = Authenticator.objects.get(type=Authenticator.Type.TOTP).data["secret"]
    assert secret not in kept


@pytest.mark.django_db(transaction=True)
def test_its_holder_hears_of_it_and_the_audit_log_keeps_it(developer: User) -> None:
    set_up(developer)
    mail = Message.objects.filter(to=developer.email).first()
    assert mail is not None
    assert (mail.subject, "127.0.0.1" in mail.body) == ("A second factor protects your account", True)
    assert AuditEvent.objects.filter(action="user.add_second_factor", target_id=developer.id).exists()


def test_what_is_sent_without_the_password_being_fresh_is_asked_for_it_first(developer: User) -> None:
    client = Client()
    client.force_login(developer)
    assert client.post(ACTIVATE, {"code": "000000"})["Location"].startswith("/account/reauthenticate/")


def test_switching_it_off_leaves_the_password(developer: User) -> None:
    client, _ = set_up(developer)
    assert client.post(f"{HOME}totp/deactivate/")["Location"] == HOME
    assert log_in(Client(), developer) == "/my"


def test_an_admin_takes_it_from_who_lost_app_and_codes(developer: User, admin: User) -> None:
    set_up(developer)
    client = Client()
    log_in(client, admin)
    assert b"Take the second factor" in client.get(f"/console/admin/users/{developer.id}").content
    client.post(f"/console/admin/users/{developer.id}/second-factor")
    assert log_in(Client(), developer) == "/my"
    assert AuditEvent.objects.filter(action="user.remove_second_factor", target_id=developer.id).exists()


def test_who_has_not_read_their_mail_sets_up_none(developer: User) -> None:
    EmailAddress.objects.filter(user=developer).update(verified=False)
    client = Client()
    client.force_login(developer)
    assert client.get(ACTIVATE).status_code == 302
