"""Changes of a paid plan over REST: previewed, done, taken back, by who holds the subscription alone."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.accounts.models import Organization, User
from apim.api.models import IdempotentAnswer
from apim.billing.models import MeterWindow, OutgoingUsage, UsageCut
from apim.products.models import Product
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.payments import Stripe, ask, buy
from tests.prepaid import use
from tests.switching import offer, priced, totals
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def test_a_change_is_previewed_done_and_taken_back_by_its_holder_alone(
    api: MakeClient,
    developer: User,
    stranger: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    application = access.application(of=initech, name="till")
    waiting = subscribe(application=application, product=product, plan=product.plans.get(), by=TESTER, is_checkout=True)
    path = f"/api/v1/subscriptions/{buy(stripe_server, waiting).id}/switch"
    offer(product, "growth", priced("49.00"))
    offer(product, "small", priced("9.00"))
    client = api(developer)

    shown = client.get(f"{path}?plan=growth").json()
    charge = shown["charge"]
    assert (shown["is_immediate"], charge["total"], charge["local_total"]) == (True, "20.00", "20.00")
    body = {"plan": "growth", "version": shown["version"], "shown_at": shown["shown_at"]}
    done = client.post(path, body, format="json").json()
    assert (done["plan"], done["coming"]) == ("growth", None)
    assert client.post(path, {"plan": "growth"}, format="json").json()["code"] == "billing.plan_in_force"
    coming = client.post(path, {"plan": "small"}, format="json").json()["coming"]
    assert (coming["plan"], coming["kind"]) == ("small", "scheduled")
    assert client.post(f"{path}/undo", format="json").json()["coming"] is None
    assert client.get(path).status_code == 400
    for method, where in (("get", f"{path}?plan=small"), ("post", path), ("post", f"{path}/undo")):
        assert getattr(api(stranger), method)(where, {"plan": "small"}, format="json").status_code == 404


def bought_by(initech: Organization, product: Product, stripe_server: Stripe) -> Subscription:
    """A subscription that is paid, with a dearer plan on offer."""
    offer(product, "growth", priced("49.00"))
    application = access.application(of=initech, name="till")
    plan = product.plans.get(name="starter")
    waiting = subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
    return buy(stripe_server, waiting)


def switch(client: Any, bought: Subscription) -> Any:
    """The answer to a change of plan that is sent with a key."""
    path = f"/api/v1/subscriptions/{bought.id}/switch"
    return client.post(path, {"plan": "growth"}, format="json", HTTP_IDEMPOTENCY_KEY="k")


@pytest.mark.django_db(transaction=True)
def test_what_stripe_was_told_is_remembered_when_a_change_with_a_key_fails_half_way(
    api: MakeClient,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
    clock: time_machine.Coordinates,
) -> None:
    bought = bought_by(initech, product, stripe_server)
    clock.shift(timedelta(hours=3))
    use(bought, 40, at=timezone.now() - timedelta(hours=1))
    client = api(developer)
    where = "/v1/subscriptions/.*"
    stripe_server.control("faults", kind="error", method="GET", path=where, status=500, skip=1, times=99)
    failed = switch(client, bought)
    assert failed.status_code == 409, failed.content
    told = list(OutgoingUsage.objects.values_list("state", "quantity"))
    assert (told, MeterWindow.objects.count(), UsageCut.objects.count()) == ([("sent", 40)], 1, 1)
    assert not IdempotentAnswer.objects.exists()
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    done = switch(client, bought)
    assert (done.status_code, done.json()["plan"]) == (200, "growth"), done.content
    again = switch(client, bought)
    assert (again.json(), again["Idempotency-Replayed"]) == (done.json(), "true")
    stripe_server.deliver()
    assert len(totals()) == 2


@pytest.mark.django_db(transaction=True)
def test_two_changes_at_once_with_one_key_have_one_answer(
    api: MakeClient,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    bought = bought_by(initech, product, stripe_server)
    clients = [api(developer), api(developer)]
    answers: list[Any] = []

    def post(client: Any) -> None:
        answers.append(switch(client, bought))
        connections.close_all()

    stripe_server.control("faults", kind="hold", method="POST", path="/v1/subscriptions/.*")
    threads = [threading.Thread(target=post, args=(client,)) for client in clients]
    threads[0].start()
    wait_until(IdempotentAnswer.objects.exists, "the first has claimed the key")
    threads[1].start()
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200], [answer.content for answer in answers]
    assert answers[0].json() == answers[1].json()
    assert sorted(answer.has_header("Idempotency-Replayed") for answer in answers) == [False, True]
    stripe_server.deliver()
    assert sorted(totals()) == [2000, 2900]  # of one second perhaps: which is the older is not told


def test_a_change_that_was_cut_off_is_not_made_again_and_says_what_to_do(
    api: MakeClient,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    bought = bought_by(initech, product, stripe_server)
    client = api(developer)
    switch(client, bought)
    long_ago = timezone.now() - timedelta(hours=1)
    IdempotentAnswer.objects.update(answer=b"", created_at=long_ago)  # as a process leaves it that is killed
    again = switch(client, bought)
    assert_problem(again, 409, "request.cut_off")
    assert "with a fresh key" in again.json()["hint"]
