"""Provisional accounts: usable at once, the same for every address, owned only by who reads the mail."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.utils import timezone

from apim.access.models import Application, Credential
from apim.access.services import create_application, create_credential
from apim.accounts.models import Organization, User
from apim.accounts.second_factor import has_second_factor
from apim.accounts.services import actor_of, authenticate_token, issue_token
from apim.audit.actor import Actor
from apim.errors import Conflict, Invalid, NotFound
from apim.notifications.models import Message
from apim.notifications.services import send_mail
from apim.onboarding import provisional
from apim.onboarding.models import ProvisionalAccount
from apim.onboarding.provisional import account_of, begin_account, confirm_account, end_unconfirmed, is_provisional

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough passphrase 42"


def mailed_token() -> str:
    found = re.search(r"/join/(\S+)", Message.objects.latest("created_at").body)
    assert found is not None
    return found[1]


def test_a_new_person_may_act_at_once_but_has_no_address(db: None) -> None:
    user = begin_account("Ada@Example.org")
    assert is_provisional(user)
    assert not user.has_usable_password()
    assert user.memberships.get().organization.display_name == "ada"
    assert not EmailAddress.objects.exists()


def test_whoever_reads_the_mail_gets_the_account(db: None) -> None:
    user = begin_account("ada@example.org")
    confirm_account(token=mailed_token(), password=PASSWORD)
    user.refresh_from_db()
    assert (user.email, user.check_password(PASSWORD)) == ("ada@example.org", True)
    assert EmailAddress.objects.get(user=user).verified
    assert not ProvisionalAccount.objects.exists()


def test_an_address_with_an_account_is_given_nothing_and_only_its_mailbox_is_told(developer: User) -> None:
    user = begin_account(developer.email.upper())
    assert is_provisional(user)
    message = Message.objects.get()
    assert message.to == developer.email
    assert "There is an account" in message.body
    assert "/join/" not in message.body


def test_a_link_works_once_and_made_up_ones_never(db: None) -> None:
    begin_account("ada@example.org")
    token = mailed_token()
    confirm_account(token=token, password=PASSWORD)
    for wrong in (token, "made-up", ""):
        with pytest.raises(NotFound):
            account_of(wrong)


def test_who_was_faster_with_the_same_address_has_it(db: None) -> None:
    tokens = []
    for _ in range(2):
        begin_account("ada@example.org")
        tokens.append(mailed_token())
    confirm_account(token=tokens[0], password=PASSWORD)
    with pytest.raises(Conflict):
        confirm_account(token=tokens[1], password=PASSWORD)


def test_a_weak_password_is_refused_and_the_link_still_works(db: None) -> None:
    begin_account("ada@example.org")
    with pytest.raises(Invalid):
        confirm_account(token=mailed_token(), password="1234")
    assert account_of(mailed_token()).email == "ada@example.org"


def test_nothing_that_logs_in_is_left_to_who_began_the_account(db: None) -> None:
    user = begin_account("ada@example.org")
    secret = issue_token(user=user, name="spare", scopes=["access:read"], by=actor_of(user)).secret
    EmailAddress.objects.create(user=user, email="thief@example.org", verified=False, primary=False)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    confirm_account(token=mailed_token(), password=PASSWORD)
    assert authenticate_token(secret) is None
    assert [each.email for each in EmailAddress.objects.filter(user=user)] == ["ada@example.org"]
    assert not has_second_factor(user)


def test_the_link_is_worthless_once_another_address_was_confirmed(db: None) -> None:
    user = begin_account("ada@example.org")
    EmailAddress.objects.create(user=user, email="bob@example.org", verified=True, primary=True)
    User.objects.filter(pk=user.pk).update(email="bob@example.org")
    with pytest.raises(NotFound):
        confirm_account(token=mailed_token(), password=PASSWORD)


def test_what_nobody_confirmed_ends_with_its_keys_and_its_address(db: None) -> None:
    user = begin_account("ada@example.org")
    organization = Organization.objects.get(memberships__user=user)
    application = create_application(organization=organization, name="app", by=actor_of(user))
    create_credential(application=application, by=actor_of(user), creator=user)
    assert end_unconfirmed(timezone.now()) == 0
    assert end_unconfirmed(timezone.now() + timedelta(days=4)) == 1
    user.refresh_from_db()
    assert not user.is_active
    assert not Application.objects.exists()
    assert not Credential.objects.exists()
    assert not ProvisionalAccount.objects.exists()


def test_who_confirms_while_accounts_are_ended_keeps_theirs(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = begin_account("ada@example.org")
    create_application(organization=Organization.objects.get(memberships__user=first), name="app", by=actor_of(first))
    second = begin_account("eve@example.org")
    token, end = mailed_token(), provisional.delete_application

    def end_slowly(*, application: Application, by: Actor) -> None:
        confirm_account(token=token, password=PASSWORD)
        end(application=application, by=by)

    monkeypatch.setattr(provisional, "delete_application", end_slowly)
    end_unconfirmed(timezone.now() + timedelta(days=4))
    second.refresh_from_db()
    assert (second.is_active, second.email) == (True, "eve@example.org")
    assert not User.objects.get(pk=first.pk).is_active


def test_no_mail_goes_to_who_has_no_address(db: None) -> None:
    user = begin_account("ada@example.org")
    assert send_mail(to=[user.email, "b@example.org"], subject="x", body="y")[0].to == "b@example.org"
    assert not Message.objects.filter(to=user.email).exists()
