"""Sessions, log-ins and the end of an account."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.access.models import Credential
from apim.accounts.models import LogIn, Membership, Organization, User
from apim.accounts.services import actor_of, issue_token
from apim.audit.actor import Actor
from portal.browsers import browser_words
from tests.conftest import LogIn as LogInAs
from tests.factories import access as access_factory
from tests.factories import accounts as accounts_factory

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-9"


@pytest.fixture
def person(developer: User) -> User:
    developer.set_password(PASSWORD)
    developer.save()
    return developer


def logged_in(person: User, agent: str = "Firefox") -> Client:
    """By the form, as a browser does."""
    client = Client(headers={"user-agent": agent})
    answer = client.post("/account/login/", {"login": person.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client


def test_sessions_are_listed_and_ended_one_by_one(person: User) -> None:
    here, there = logged_in(person), logged_in(person, "Lynx")
    page = here.get("/my/settings/security").content.decode()
    assert "Lynx" in page
    assert page.count("this one") == 1
    other = LogIn.objects.get(agent="Lynx")
    here.post(f"/my/settings/security/{other.id}/end")
    assert there.get("/my")["Location"].startswith("/account/login/")
    assert here.get("/my").status_code == 200


def test_logging_out_everywhere_else_keeps_this_session(person: User) -> None:
    here, there = logged_in(person), logged_in(person)
    here.post("/my/settings/security/others")
    assert there.get("/my").status_code == 302
    assert here.get("/my").status_code == 200
    assert "this one" in here.get("/my/settings/security").content.decode()


def test_a_wrong_password_is_noted_for_the_person(person: User) -> None:
    Client(headers={"user-agent": "curl\0"}).post("/account/login/", {"login": person.email, "password": "wrong"})
    Client().post("/account/login/", {"login": "nobody@example.org", "password": "wrong"})
    assert not LogIn.objects.get().is_success
    assert "Wrong password" in logged_in(person).get("/my/settings/security").content.decode()


def test_browsers_are_named_as_people_know_them() -> None:
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
    assert browser_words(chrome) == "Chrome on Linux"
    assert browser_words(f"{chrome} Edg/140.0") == "Edge on Linux"
    assert browser_words("curl/8.5") == "curl/8.5"
    assert browser_words("") == ""


def test_nobody_ends_somebody_elses_session(person: User, log_in: LogInAs, admin: User) -> None:
    logged_in(person)
    assert log_in(admin).post(f"/my/settings/security/{LogIn.objects.get().id}/end").status_code == 404


def test_an_account_is_deleted_once_its_address_is_typed(person: User, initech: Organization, by: Actor) -> None:
    accounts_factory.member(initech, "colleague@initech.example", role="owner")
    shop = access_factory.application(of=initech, name="shop")
    access_factory.issued_key(application=shop, creator=person)
    others = access_factory.issued_key(application=shop)
    token = issue_token(user=person, name="ci", scopes=["apis:read"], by=actor_of(person)).token
    client = logged_in(person)
    assert "goes on without you" in client.get("/my/settings/delete").content.decode()
    assert client.post("/my/settings/delete", {"typed": "someone@else.example"}).status_code == 422
    assert client.post("/my/settings/delete", {"typed": person.email.upper()}).status_code == 302
    person.refresh_from_db()
    token.refresh_from_db()
    assert (person.is_active, person.email, person.name) == (False, f"{person.pk}@deleted.invalid", "")
    assert token.revoked_at
    assert list(Credential.objects.live()) == [others.credential]
    assert not Membership.objects.filter(user=person).exists()
    assert client.get("/my").status_code == 302


def test_an_organization_without_anybody_else_is_closed(person: User, initech: Organization) -> None:
    access_factory.issued_key(application=access_factory.application(of=initech, name="shop"))
    client = logged_in(person)
    assert "has nobody else" in client.get("/my/settings/delete").content.decode()
    client.post("/my/settings/delete", {"typed": person.email})
    initech.refresh_from_db()
    assert initech.state == "suspended"
    assert not Credential.objects.live().exists()


def test_the_last_owner_and_the_last_administrator_stay(
    log_in: LogInAs, owner: User, acme: Organization, admin: User
) -> None:
    accounts_factory.member(acme, "colleague@acme.example")
    for person, words in ((owner, "the last owner of Acme Ltd"), (admin, "the last administrator")):
        client = log_in(person)
        assert words in client.get("/my/settings/delete").content.decode()
        assert client.post("/my/settings/delete", {"typed": person.email}).status_code == 422
        person.refresh_from_db()
        assert person.is_active
