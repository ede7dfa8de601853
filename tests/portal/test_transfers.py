"""Pages of handing an application over: offered, looked at, accepted or refused."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from apim.access.models import Application, ApplicationTransfer, Subscription
from apim.access.services import create_application, offer_application, subscribe
from apim.accounts.models import Organization, User
from apim.accounts.services import add_member
from apim.products.models import Product
from tests.conftest import LogIn
from tests.factories import access, catalog, products
from tests.factories import accounts as accounts_factory
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


@pytest.fixture
def giver(log_in: LogIn, developer: User) -> Client:
    return log_in(developer)


@pytest.fixture
def taker(log_in: LogIn, other_owner: User) -> Client:
    return log_in(other_owner)


@pytest.fixture
def transfer(shop: Application) -> ApplicationTransfer:
    return offer_application(application=shop, to="globex", by=TESTER, note="As agreed.")


def text_of(client: Client, path: str) -> str:
    return client.get(path, follow=True).content.decode()


def agreed_in(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(organization|agreed)" value="([^"]*)"', page))


def test_an_application_is_offered_taken_over_and_gone(
    giver: Client, taker: Client, shop: Application, other_owner: User
) -> None:
    access.issued_key(application=shop)
    page = text_of(giver, f"/my/apps/{shop.id}/transfer")
    assert "A subscription with the same plan begins for them." in page
    assert "1 key goes along" in page
    assert "Hand over" in text_of(giver, f"/my/apps/{shop.id}")
    answer = giver.post(f"/my/apps/{shop.id}/transfer", {"to": "globex", "note": ""}, follow=True)
    assert "Offered to globex" in answer.content.decode()
    found = ApplicationTransfer.objects.get()
    assert "offers you the application" in text_of(taker, "/my/apps")
    assert f"/my/transfers/{found.id}" in text_of(taker, "/my")
    page = text_of(taker, f"/my/transfers/{found.id}")
    assert "It costs nothing; its quota starts anew." in page
    answer = taker.post(f"/my/transfers/{found.id}", agreed_in(page) | {"keys": "keep"}, follow=True)
    assert "belongs to Globex Corp now" in answer.content.decode()
    assert giver.get(f"/my/apps/{shop.id}").status_code == 404
    assert "was taken over" in text_of(taker, f"/my/transfers/{found.id}")
    assert "offers you the application" not in text_of(taker, "/my/apps")


def test_new_keys_are_shown_once(taker: Client, shop: Application, transfer: ApplicationTransfer) -> None:
    access.issued_key(application=shop)
    page = text_of(taker, f"/my/transfers/{transfer.id}")
    answer = taker.post(f"/my/transfers/{transfer.id}", agreed_in(page) | {"keys": "3600"})
    (key,) = re.findall(r">(apim_[^<]+)<", answer.content.decode())
    assert key not in text_of(taker, f"/my/apps/{shop.id}")


def test_the_answer_to_an_offer_is_the_same_for_every_addressee(giver: Client, shop: Application) -> None:
    answers = set()
    for to in ("globex", "nothing-there", "nobody@example.net"):
        page = giver.post(f"/my/apps/{shop.id}/transfer", {"to": to}, follow=True).content.decode()
        answers.add(
            re.sub(r'trf_\w+|csrf\w+" value="[^"]+"|nonce="[^"]+"|<time.*?</time>', "", page.split("<main")[1]).replace(
                to, "X"
            )
        )
        giver.post(f"/my/transfers/{ApplicationTransfer.objects.latest('created_at').id}/withdraw")
        giver.get("/my/apps")  # its message is read
    assert len(answers) == 1


def test_what_costs_is_named_with_the_way_to_mend_it(
    giver: Client, taker: Client, shop: Application, transfer: ApplicationTransfer
) -> None:
    Subscription.objects.update(payment="ok")
    assert "It goes on costing you until you cancel it." in text_of(giver, f"/my/apps/{shop.id}/transfer")
    page = text_of(taker, f"/my/transfers/{transfer.id}")
    assert "It cannot be taken over yet" in page
    assert "Subscribe to it first, for the new organization" in page
    assert "Take it over" not in page
    answer = taker.post(f"/my/transfers/{transfer.id}", {"organization": "", "agreed": "", "keys": "keep"})
    assert answer.status_code == 422
    assert Application.objects.get(pk=shop.pk).organization.name == "initech"


def test_what_changed_since_it_was_read_is_read_again(
    taker: Client, shop: Application, transfer: ApplicationTransfer, bank: Product
) -> None:
    sent = agreed_in(text_of(taker, f"/my/transfers/{transfer.id}")) | {"keys": "keep"}
    access.issued_key(application=shop)
    answer = taker.post(f"/my/transfers/{transfer.id}", sent)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "changed since you looked" in page
    assert agreed_in(page) != {name: sent[name] for name in ("organization", "agreed")}


def test_an_offer_is_refused_or_taken_back(
    giver: Client, taker: Client, shop: Application, transfer: ApplicationTransfer
) -> None:
    assert "As agreed." in text_of(taker, f"/my/transfers/{transfer.id}")
    assert "is refused" in taker.post(f"/my/transfers/{transfer.id}/refuse", follow=True).content.decode()
    assert "It was refused." in text_of(giver, f"/my/transfers/{transfer.id}")
    again = offer_application(application=shop, to="globex", by=TESTER)
    assert "taken back" in giver.post(f"/my/transfers/{again.id}/withdraw", follow=True).content.decode()
    assert "is over" in taker.post(f"/my/transfers/{again.id}/refuse", follow=True).content.decode()


def test_a_developer_of_an_organization_with_owners_hands_nothing_over(
    log_in: LogIn, acme: Organization, owner: User
) -> None:
    assert owner.is_active
    own = create_application(organization=acme, name="own", by=TESTER)
    member = accounts_factory.member(acme)
    assert log_in(member).get(f"/my/apps/{own.id}/transfer").status_code == 403
    assert "Hand over" not in text_of(log_in(member), f"/my/apps/{own.id}")


def test_an_address_chooses_the_organization_that_gets_it(
    log_in: LogIn, shop: Application, acme: Organization, owner: User, globex: Organization
) -> None:
    assert owner.is_active
    person = accounts_factory.registered("eva@example.net")
    add_member(organization=globex, user=person, role="owner", by=TESTER)
    add_member(organization=acme, user=person, role="developer", by=TESTER)
    transfer = offer_application(application=shop, to="eva@example.net", by=TESTER)
    client = log_in(person)
    page = text_of(client, f"/my/transfers/{transfer.id}")
    assert f'value="{globex.id}"' in page
    assert f'value="{acme.id}"' not in page
    page = text_of(client, f"/my/transfers/{transfer.id}?organization={globex.id}")
    assert client.get(f"/my/transfers/{transfer.id}?organization={acme.id}").status_code == 404
    client.post(f"/my/transfers/{transfer.id}", agreed_in(page) | {"keys": "keep"})
    assert Application.objects.get(pk=shop.pk).organization == globex


def test_who_speaks_for_no_organization_is_told_whom_to_ask(
    log_in: LogIn, shop: Application, acme: Organization, owner: User
) -> None:
    assert owner.is_active
    person = accounts_factory.member(acme, "only@example.net")
    transfer = offer_application(application=shop, to="only@example.net", by=TESTER)
    client = log_in(person)
    sent = agreed_in(text_of(client, f"/my/transfers/{transfer.id}")) | {"keys": "keep"}
    answer = client.post(f"/my/transfers/{transfer.id}", sent)
    assert "You speak for no organization" in answer.content.decode()
    assert Application.objects.get(pk=shop.pk).organization.name == "initech"


def test_the_page_asks_as_often_for_many_subscriptions_as_for_one(
    taker: Client, shop: Application, transfer: ApplicationTransfer, bank: Product,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    text_of(taker, f"/my/transfers/{transfer.id}")
    with CaptureQueriesContext(connection) as few:
        text_of(taker, f"/my/transfers/{transfer.id}")
    for number in range(3):
        version = catalog.published(of=catalog.api(organization=bank.organization, name=f"more-{number}"))
        plan = products.plan(organization=bank.organization, name=f"plan-{number}")
        product = products.product(version=version, name=f"product-{number}", plans=[plan])
        subscribe(application=shop, product=product, plan=plan, by=TESTER)
        access.issued_key(application=shop)
    with django_assert_max_num_queries(len(few)):
        text_of(taker, f"/my/transfers/{transfer.id}")
