"""Get access: one page from the plan to the first call."""

from __future__ import annotations

import re

import pytest

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Organization, User
from apim.notifications.models import Message
from apim.onboarding.models import Journey
from portal.views.access import CONTINUE_AT
from tests.conftest import LogIn
from tests.factories import access
from tests.portal.conftest import Gateway

URL = "/products/bank-payments/access"
pytestmark = pytest.mark.usefixtures("bank")
_VARYING = re.compile(
    r"apim_live_\w+|csrfmiddlewaretoken\W+value=\W\w+|nonce-?\W+[\w+/=-]+|\w{16}@|(?:app|usr)_\w{20}|\W\w{64}\W"
)


def test_a_visitor_gets_a_key_of_a_free_plan_with_an_address_and_one_press(gateway: Gateway, log_in: LogIn) -> None:
    client = log_in(None)
    answer = client.post(URL, {"plan": "starter", "email": "ada@example.org"}, follow=True)
    page = answer.content.decode()
    credential = Credential.objects.get()
    assert credential.prefix in page
    assert f"curl {gateway.url}/bank/v1/accounts" in page
    assert "We sent a mail to ada@example.org" in page
    journey = Journey.objects.get()
    assert (journey.user, journey.application) == (credential.creator, credential.application)
    assert journey.key_at is not None


def test_what_a_visitor_sees_tells_nothing_of_whether_the_address_has_an_account(
    gateway: Gateway, developer: User, log_in: LogIn
) -> None:
    pages = []
    for email in ("dev@nowhere.example", developer.email):
        client = log_in(None)
        page = client.post(URL, {"plan": "starter", "email": email}, follow=True).content.decode()
        pages.append(_VARYING.sub("", page.replace(email, "")))
    assert pages[0] == pages[1]
    assert not developer.journeys.exists()


def test_an_address_is_asked_for_where_it_is_missing(log_in: LogIn) -> None:
    answer = log_in(None).post(URL, {"plan": "starter"})
    assert answer.status_code == 422
    assert "Give an e-mail address" in answer.content.decode()


def test_an_address_longer_than_an_account_holds_is_refused(log_in: LogIn) -> None:
    email = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 30}.example"
    assert log_in(None).post(URL, {"plan": "starter", "email": email}).status_code == 422
    assert not User.objects.filter(provisional__isnull=False).exists()


def test_a_plan_that_needs_approval_leads_a_visitor_through_sign_up_and_back(log_in: LogIn) -> None:
    client = log_in(None)
    answer = client.post(URL, {"plan": "growth", "email": "ada@example.org"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/signup/?next=%2Fproducts%2Fbank-payments%2Faccess%3Fplan%3Dgrowth")
    assert answer["Location"].endswith("email=ada%40example.org")
    assert client.session[CONTINUE_AT] == f"{URL}?plan=growth"
    assert not Subscription.objects.exists()


def test_who_has_an_account_goes_to_log_in_and_back(log_in: LogIn) -> None:
    answer = log_in(None).post(URL, {"plan": "starter", "email": "", "login": "1"})
    assert answer["Location"].startswith("/account/login/?next=%2Fproducts%2Fbank-payments%2Faccess%3Fplan%3Dstarter")


def test_an_unconfirmed_person_may_not_ask_for_what_costs_somebodys_time(log_in: LogIn) -> None:
    client = log_in(None)
    client.post(URL, {"plan": "starter", "email": "ada@example.org"})
    Subscription.objects.all().delete()
    answer = client.post(URL, {"plan": "growth", "application": "new", "new_name": "More"})
    assert "Confirm your e-mail address first" in answer.content.decode()
    assert not Subscription.objects.exists()


def test_one_network_cannot_sign_up_without_end(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.views.access.SIGN_UPS", 1)
    assert log_in(None).post(URL, {"plan": "starter", "email": "ada@example.org"}).status_code == 302
    answer = log_in(None).post(URL, {"plan": "starter", "email": "bob@example.org"})
    assert "Too many tries" in answer.content.decode()
    assert not User.objects.filter(name="bob").exists()


def test_the_mailed_link_makes_the_account_the_readers(log_in: LogIn) -> None:
    client = log_in(None)
    client.post(URL, {"plan": "starter", "email": "ada@example.org"})
    found = re.search(r"/join/\S+", Message.objects.get().body)
    assert found is not None
    reader = log_in(None)
    assert "ada@example.org" in reader.get(found[0]).content.decode()
    assert reader.post(found[0], {"password": "1234"}).status_code == 422
    assert reader.post(found[0], {"password": "a long enough passphrase 42"})["Location"] == "/my"
    assert reader.get("/my").status_code == 200
    assert reader.get(found[0]).status_code == 404
    assert client.get("/my").status_code == 302  # whoever began it without the mail is logged out


def test_home_goes_on_where_sign_up_interrupted(stranger: User, log_in: LogIn) -> None:
    client = log_in(stranger)
    session = client.session
    session[CONTINUE_AT] = f"{URL}?plan=growth"
    session.save()
    assert client.get("/my")["Location"] == f"{URL}?plan=growth"
    assert client.get("/my").status_code == 200


def test_one_press_makes_application_subscription_and_key(stranger: User, gateway: Gateway, log_in: LogIn) -> None:
    client = log_in(stranger)
    answer = client.post(URL, {"plan": "starter", "application": "new", "new_name": "My first app"}, follow=True)
    application = Application.objects.get()
    credential = Credential.objects.get()
    page = answer.content.decode()
    assert (application.name, application.display_name) == ("my-first-app", "My first app")
    assert application.organization.memberships.get().user == stranger
    assert Subscription.objects.get().lifecycle == "active"
    assert credential.creator == stranger
    assert credential.prefix in page
    assert f"curl {gateway.url}/bank/v1/accounts" in page


def test_a_key_is_gone_once_its_owner_says_it_is_stored(stranger: User, log_in: LogIn) -> None:
    client = log_in(stranger)
    client.post(URL, {"plan": "starter", "application": "new", "new_name": "My first app"})
    key = _shown_key(client.get(URL).content.decode())
    client.post(f"{URL}/finish")
    assert key not in client.get(URL).content.decode()
    assert key not in client.get(f"/my/apps/{Application.objects.get().id}").content.decode()


def test_the_session_never_holds_a_key_in_the_clear(stranger: User, log_in: LogIn) -> None:
    client = log_in(stranger)
    client.post(URL, {"plan": "starter", "application": "new", "new_name": "My first app"})
    key = _shown_key(client.get(URL).content.decode())
    assert key not in str(dict(client.session))


def test_a_plan_with_approval_waits_without_a_key(developer: User, log_in: LogIn) -> None:
    answer = log_in(developer).post(URL, {"plan": "growth", "application": "new", "new_name": "Shop"}, follow=True)
    assert "Waiting for Acme Ltd" in answer.content.decode()
    assert Subscription.objects.get().lifecycle == "pending"
    assert not Credential.objects.exists()


def test_an_existing_application_can_be_chosen(developer: User, initech: Organization, log_in: LogIn) -> None:
    application = access.application(of=initech, name="shop")
    log_in(developer).post(URL, {"plan": "starter", "application": application.id})
    assert Application.objects.get() == application
    assert Subscription.objects.get().applications.get() == application


def test_an_application_of_somebody_else_cannot_be_chosen(developer: User, acme: Organization, log_in: LogIn) -> None:
    foreign = access.application(of=acme, name="secret")
    answer = log_in(developer).post(URL, {"plan": "starter", "application": foreign.id})
    assert answer.status_code == 422
    assert not Subscription.objects.exists()


def test_an_unknown_plan_is_refused_beside_the_form(developer: User, log_in: LogIn) -> None:
    answer = log_in(developer).post(URL, {"plan": "gold", "application": "new"})
    assert answer.status_code == 422
    assert "Please look at this again" in answer.content.decode()


def test_who_has_access_makes_another_key(shop: Application, developer: User, log_in: LogIn) -> None:
    answer = log_in(developer).post(f"{URL}/key", {"application": shop.id}, follow=True)
    assert Credential.objects.get().prefix in answer.content.decode()


def test_nobody_makes_keys_for_an_application_they_do_not_see(shop: Application, stranger: User, log_in: LogIn) -> None:
    assert log_in(stranger).post(f"{URL}/key", {"application": shop.id}).status_code == 404
    assert not Credential.objects.exists()


def _shown_key(page: str) -> str:
    return page.split('id="fresh-key">', 1)[1].split("<", 1)[0]
