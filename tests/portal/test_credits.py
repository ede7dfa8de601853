"""The credits page: what is left, what it leads to, buying more, the ledger."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.credits.drawing import draw_usage
from apim.billing.models import CreditAccount, TopUp
from tests.factories.accounts import member
from tests.payments import Stripe
from tests.prepaid import PREPAID, asked_for, prepaid_product, top_up, use

pytestmark = pytest.mark.django_db


def payer(subscription: Subscription) -> Client:
    client = Client()
    client.force_login(member(subscription.organization))
    return client


def page_of(subscription: Subscription) -> str:
    return f"/my/subscriptions/{subscription.id}/credits"


def test_a_new_subscription_is_led_to_its_first_top_up_and_back(
    stripe_server: Stripe,
    prepaid: Subscription,
) -> None:
    client = payer(prepaid)
    assert client.get(f"/my/subscriptions/{prepaid.id}/pay").headers["Location"] == page_of(prepaid)
    text = client.get(page_of(prepaid)).content.decode()
    assert "Waiting for the first top-up" in text
    assert "Top up 20.00 EUR" in text
    assert "Top up 50.00 EUR" in text
    answer = client.post(page_of(prepaid), {"amount": "2000", "keeps_card": "on"})
    begun = TopUp.objects.get()
    assert (answer.headers["Location"], begun.keeps_card) == (begun.session_url, True)
    assert "Waiting for the payment" in client.get(f"{page_of(prepaid)}/paid").content.decode()
    stripe_server.pay(begun.session_url)
    assert client.get(f"{page_of(prepaid)}/paid").headers["Location"] == page_of(prepaid)
    text = client.get(page_of(prepaid)).content.decode()
    assert "First top-up" in text
    assert "2,000" in text  # calls that it pays for


def test_an_amount_that_is_not_offered_is_refused_where_it_was_asked(prepaid: Subscription) -> None:
    answer = payer(prepaid).post(page_of(prepaid), {"amount": "1"})
    assert answer.status_code == 422
    assert not TopUp.objects.exists()


def test_the_page_tells_pace_exhaustion_and_every_movement(
    stripe_server: Stripe,
    prepaid: Subscription,
) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        top_up(stripe_server, prepaid)
        client = payer(prepaid)
        for _ in range(4):
            clock.shift(timedelta(days=1))
            use(prepaid, 250)
            draw_usage(prepaid.id)
        text = client.get(page_of(prepaid)).content.decode()
        assert "10.00 EUR" in text
        assert "At the present pace it is used up on" in text
        assert text.count('<th scope="row">Usage</th>') == 4
        lines = list(csv.reader(b"".join(client.get(f"{page_of(prepaid)}/ledger.csv")).decode().splitlines()))
    assert [(line[2], line[3], line[4]) for line in lines[1:]] == [
        ("grant", "20.00", "20.00"),
        ("draw", "-2.50", "17.50"),
        ("draw", "-2.50", "15.00"),
        ("draw", "-2.50", "12.50"),
        ("draw", "-2.50", "10.00"),
    ]


def test_top_ups_by_themselves_need_a_card_and_keep_what_was_chosen(
    stripe_server: Stripe,
    prepaid: Subscription,
) -> None:
    top_up(stripe_server, prepaid)
    client = payer(prepaid)
    assert "No card is kept" in client.get(page_of(prepaid)).content.decode()
    top_up(stripe_server, prepaid, keeps_card=True)
    wanted = {
        "automatic-is_on": "on",
        "automatic-below": "5.00",
        "automatic-amount": "2000",
        "automatic-monthly_cap": "10.00",
    }
    refused = client.post(f"{page_of(prepaid)}/automatic", wanted)
    assert (refused.status_code, "The cap is below one top-up." in refused.content.decode()) == (422, True)
    assert client.post(f"{page_of(prepaid)}/automatic", wanted | {"automatic-monthly_cap": "100"}).status_code == 302
    account = CreditAccount.objects.get()
    assert (account.automatic_below, account.automatic_amount, account.automatic_monthly_cap) == (500, 2000, 10_000)
    del wanted["automatic-is_on"]
    client.post(f"{page_of(prepaid)}/automatic", wanted)
    account.refresh_from_db()
    assert account.automatic_amount == 0


def test_a_plan_with_included_credits_begins_without_a_payment(environment: object) -> None:
    pricing = {**PREPAID, "prices": [{**PREPAID["prices"][0], "included": "1.00"}, PREPAID["prices"][1]]}
    waiting = asked_for(prepaid_product(pricing))
    client = payer(waiting)
    assert "Begin with the 1.00 EUR" in client.get(page_of(waiting)).content.decode()
    client.post(f"{page_of(waiting)}/start")
    waiting.refresh_from_db()
    assert waiting.lifecycle == "active"
    assert "Included in the plan" in client.get(page_of(waiting)).content.decode()


def test_the_page_asks_as_often_whatever_the_ledger_holds(
    stripe_server: Stripe,
    prepaid: Subscription,
) -> None:
    top_up(stripe_server, prepaid)
    client = payer(prepaid)
    client.get(page_of(prepaid))
    few = asked(client, page_of(prepaid))
    for number in range(5):
        use(prepaid, 10, at=timezone.now() - timedelta(minutes=number))
        draw_usage(prepaid.id)
    top_up(stripe_server, prepaid)
    assert asked(client, page_of(prepaid)) <= few


def asked(client: Client, path: str) -> int:
    """How many queries the page takes."""
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
        return len(queries)
