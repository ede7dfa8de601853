"""Sign-up, log-in and reset, as people and as attackers meet them.

Promises H36.
"""

from __future__ import annotations

import re

import pytest
from django.conf import settings
from django.contrib.auth.hashers import identify_hasher, make_password
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from apim.access.services import suspend_user
from apim.accounts.models import Membership, Organization, User
from apim.accounts.services import accept_invitation, invite
from apim.audit.actor import Actor
from apim.notifications.models import Message
from tests.factories import accounts as accounts_factory

PASSWORD = accounts_factory.PASSWORD
CODE = "account_email_verification_sent"


def sign_up(client: Client, email: str, following: str = "") -> str:
    """Where the sign-up form sends people."""
    response = client.post("/account/signup/", {"email": email, "password1": PASSWORD, "next": following})
    assert response.status_code == 302, response.content
    return str(response["Location"])


def code_of(email: str) -> str:
    """The code in the last mail to the address."""
    found = re.search(r"^    (\S+)$", Message.objects.filter(to=email).latest("id").body, re.MULTILINE)
    assert found is not None
    return found[1]


def confirm(client: Client, code: str, following: str = "") -> str:
    """Where the code form sends people."""
    response = client.post("/account/confirm-email/", {"code": code, "next": following})
    assert response.status_code == 302, response.content
    return str(response["Location"])


def log_in(client: Client, email: str, password: str = PASSWORD, following: str = "") -> int:
    return client.post("/account/login/", {"login": email, "password": password, "next": following}).status_code


@pytest.mark.django_db
def test_who_signs_up_goes_on_where_they_were_with_an_organization_of_their_own() -> None:
    client = Client()
    where = sign_up(client, "ana@example.org", "/products/payments?plan=free")
    assert where.startswith("/account/confirm-email/")
    assert not Organization.objects.exists()
    assert confirm(client, code_of("ana@example.org")) == "/products/payments?plan=free"
    user = User.objects.get()
    assert client.session["_auth_user_id"] == user.id
    membership = Membership.objects.get(user=user)
    assert membership.role == "developer"
    assert membership.organization.name == "ana"


@pytest.mark.django_db
def test_nobody_is_logged_in_before_the_code(client: Client) -> None:
    sign_up(client, "ana@example.org")
    assert "_auth_user_id" not in client.session
    other = Client()
    log_in(other, "ana@example.org")
    assert "_auth_user_id" not in other.session


def test_a_wrong_code_opens_nothing_and_three_end_the_attempt(client: Client, db: None) -> None:
    sign_up(client, "ana@example.org")
    for _ in range(3):
        client.post("/account/confirm-email/", {"code": "wrong"})
    client.post("/account/confirm-email/", {"code": code_of("ana@example.org")})
    assert "_auth_user_id" not in client.session


def test_signing_up_with_a_taken_address_looks_the_same_and_tells_its_holder(developer: User) -> None:
    fresh, taken = Client(), Client()
    one, other = sign_up(fresh, "new@example.org"), sign_up(taken, developer.email)
    assert one == other
    pages = [client.get(one).content.decode() for client in (fresh, taken)]
    first, second = (re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages)
    assert first.replace("new@example.org", "X") == second.replace(developer.email, "X")
    assert "account with this address already" in Message.objects.get(to=developer.email).body
    assert User.objects.filter(email=developer.email).count() == 1


def test_log_in_says_the_same_whether_the_address_or_the_password_is_wrong(developer: User, client: Client) -> None:
    wrong = client.post("/account/login/", {"login": developer.email, "password": "not this one"})
    unknown = client.post("/account/login/", {"login": "nobody@example.org", "password": "not this one"})
    assert (wrong.status_code, unknown.status_code) == (200, 200)
    assert wrong.context["form"].errors == unknown.context["form"].errors


def test_reset_says_the_same_for_an_unknown_address(developer: User, client: Client) -> None:
    known = client.post("/account/password/reset/", {"email": developer.email})
    unknown = client.post("/account/password/reset/", {"email": "nobody@example.org"})
    assert known["Location"] == unknown["Location"]
    assert code_of(developer.email)
    assert "no account with this address" in Message.objects.get(to="nobody@example.org").body


def test_a_reset_needs_the_code_and_ends_other_sessions(developer: User, client: Client) -> None:
    elsewhere = Client()
    elsewhere.force_login(developer)
    client.post("/account/password/reset/", {"email": developer.email})
    new = "another long passphrase"
    passwords = {"password1": new, "password2": new}
    early = client.post("/account/password/reset/complete/", passwords)
    assert early["Location"] == "/account/password/reset/confirm/"
    asked = client.post("/account/password/reset/confirm/", {"code": code_of(developer.email)})
    assert client.get(asked["Location"]).status_code == 200
    assert client.post(asked["Location"], passwords)["Location"] == "/account/password/reset/done/"
    assert elsewhere.get("/account/password/change/").status_code == 302
    assert log_in(Client(), developer.email, new) == 302
    assert log_in(Client(), developer.email, PASSWORD) == 200


def test_three_wrong_codes_end_a_reset(developer: User, client: Client) -> None:
    client.post("/account/password/reset/", {"email": developer.email})
    for _ in range(3):
        client.post("/account/password/reset/confirm/", {"code": "wrong"})
    client.post("/account/password/reset/confirm/", {"code": code_of(developer.email)})
    done = client.post("/account/password/reset/complete/", {"password1": PASSWORD, "password2": PASSWORD})
    assert done["Location"] == "/account/password/reset/"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1@evil.example", "evil.example:8000"])
def test_a_forged_host_is_refused(developer: User, client: Client, host: str) -> None:
    response = client.post("/account/password/reset/", {"email": developer.email}, headers={"host": host})
    assert response.status_code == 400
    assert not Message.objects.exists()


@pytest.mark.parametrize("path", ["/account/password/reset/", "/account/signup/"])
def test_links_in_mails_never_come_from_the_host_header(developer: User, settings: Settings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    for email in (developer.email, "nobody@example.org"):
        Client().post(path, {"email": email, "password1": PASSWORD}, headers={"host": "evil.example"})
    assert Message.objects.count() == 2
    assert not any("evil" in message.body + message.subject for message in Message.objects.all())
    assert any(settings.BASE_URL in message.body for message in Message.objects.all())


@pytest.mark.parametrize(
    "following", ["//evil.example", "https://evil.example/x", "/\\evil.example", "javascript:alert(1)", "http:///evil"]
)
def test_open_redirects_are_refused(developer: User, following: str) -> None:
    client = Client()
    response = client.post("/account/login/", {"login": developer.email, "password": PASSWORD, "next": following})
    assert response.status_code == 302
    assert response["Location"] == settings.LOGIN_REDIRECT_URL
    fresh = Client()
    sign_up(fresh, "ana@example.org", following)
    assert confirm(fresh, code_of("ana@example.org"), following) == settings.LOGIN_REDIRECT_URL
    out = client.post("/account/logout/", {"next": following})
    assert out["Location"] == "/"


def test_log_in_gives_a_new_session_id(developer: User) -> None:
    client = Client()
    session = client.session
    session["chosen"] = "by an attacker"
    session.save()
    before = session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = before
    log_in(client, developer.email)
    assert client.session["_auth_user_id"] == developer.id
    assert client.session.session_key != before
    assert not Session.objects.filter(session_key=before).exists()


def test_forms_need_their_token(developer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert log_in(client, developer.email) == 403
    client.force_login(developer)
    assert client.post("/account/logout/").status_code == 403


def test_a_suspended_person_cannot_log_in_and_reads_why(developer: User, by: Actor) -> None:
    suspend_user(user=developer, by=by)
    client = Client()
    response = client.post("/account/login/", {"login": developer.email, "password": PASSWORD}, follow=True)
    assert "_auth_user_id" not in client.session
    assert b"suspended" in response.content


def test_guessing_is_slowed_down_but_never_locks_the_victim_out(developer: User) -> None:
    guesser, victim = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="192.0.2.2")
    for _ in range(12):
        log_in(guesser, developer.email, "a guess")
    assert log_in(guesser, developer.email) != 302
    assert log_in(victim, developer.email) == 302


def test_an_invited_person_joins_the_organization_and_gets_no_other(acme: Organization, by: Actor) -> None:
    invite(email="Ana@Example.org", organization=acme, role="owner", by=by)
    found = re.search(r"/invite/(\S+)", Message.objects.get().body)
    assert found is not None
    client = Client()
    sign_up(client, "ana@example.org", f"/invite/{found[1]}")
    assert confirm(client, code_of("ana@example.org")) == f"/invite/{found[1]}"
    user = User.objects.get(email="ana@example.org")
    accept_invitation(token=found[1], user=user)
    assert [membership.organization for membership in user.memberships.all()] == [acme]


def test_e_mail_addresses_are_one_in_any_case(developer: User) -> None:
    client = Client()
    assert log_in(client, developer.email.upper()) == 302
    sign_up(Client(), developer.email.title())
    assert User.objects.filter(email__iexact=developer.email).count() == 1


def test_passwords_are_kept_by_argon2(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [name for name in settings.PASSWORD_HASHERS if "MD5" not in name]
    assert identify_hasher(make_password(PASSWORD)).algorithm == "argon2"


@pytest.mark.parametrize(
    "path",
    [
        "/account/login/", "/account/signup/", "/account/password/reset/", "/account/password/reset/done/",
        "/account/inactive/",
    ],
)  # fmt: skip
def test_pages_for_visitors_are_there_and_in_our_frame(client: Client, db: None, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert b"css/apim.css" in response.content
    assert "script-src" not in response.content.decode()


@pytest.mark.parametrize(
    "path", ["/account/logout/", "/account/password/change/", "/account/email/", "/account/reauthenticate/"]
)
def test_pages_for_people_are_there_and_in_our_frame(client: Client, developer: User, path: str) -> None:
    client.force_login(developer)
    response = client.get(path)
    assert response.status_code == 200
    assert b"css/apim.css" in response.content


def test_a_changed_address_counts_once_its_code_is_entered(developer: User, client: Client) -> None:
    client.force_login(developer)
    client.post("/account/email/", {"email": "new@initech.example", "action_add": ""})
    developer.refresh_from_db()
    assert developer.email == "dev@initech.example"
    confirm(client, code_of("new@initech.example"))
    developer.refresh_from_db()
    assert developer.email == "new@initech.example"
