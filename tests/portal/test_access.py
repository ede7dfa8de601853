"""Get access: one page from the plan to the first call."""

from __future__ import annotations

import pytest

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Organization, User
from portal.views.access import CONTINUE_AT
from tests.conftest import LogIn
from tests.factories import access
from tests.portal.conftest import Gateway

URL = "/products/bank-payments/access"
pytestmark = pytest.mark.usefixtures("bank")


def test_a_visitor_who_chooses_a_plan_is_led_to_sign_up_and_back(log_in: LogIn) -> None:
    client = log_in(None)
    answer = client.post(URL, {"plan": "starter"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/account/signup/?next=%2Fproducts%2Fbank-payments%2Faccess%3Fplan%3Dstarter")
    assert client.session[CONTINUE_AT] == f"{URL}?plan=starter"
    assert not Subscription.objects.exists()


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
