"""Decisions by mail: a link for one person and one request, once; a button decides, a look does not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from apim.access import waiting
from apim.access.models import Subscription
from apim.access.one_click import link_of, open_link
from apim.access.services import approve_subscription, create_application, reject_subscription, subscribe
from apim.accounts.models import Organization, User
from apim.notifications.models import Message
from apim.products.services import Terms, create_plan, create_product
from tests.conftest import LogIn
from tests.factories import catalog
from tests.factories.accounts import TESTER, member

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def request_(acme: Organization, owner: User, initech: Organization) -> Subscription:
    """Initech waits for acme's answer."""
    plan = create_plan(organization=acme, name="manual", terms=Terms(approval="manual"), by=TESTER)
    bank = catalog.published(of=catalog.api(organization=acme, name="bank"))
    product = create_product(organization=acme, name="payments", items=[(bank, [])], plans=[plan], by=TESTER)
    shop = create_application(organization=initech, name="shop", by=TESTER)
    return subscribe(application=shop, product=product, plan=plan, by=TESTER)


def mailed_link(owner: User) -> str:
    body = Message.objects.filter(to=owner.email).latest("id").body
    found = re.search(r"/console/decide/\S+", body)
    assert found is not None, body
    return found[0]


def state(subscription: Subscription) -> str:
    return Subscription.objects.get(pk=subscription.pk).lifecycle


def test_the_mail_leads_to_a_page_and_its_button_approves_once(request_: Subscription, owner: User) -> None:
    client, link = Client(), mailed_link(owner)
    assert client.get(link).status_code == 200
    assert state(request_) == "pending"
    assert b"Approved" in client.post(link, {"approve": "1"}).content
    assert state(request_) == "active"
    assert Subscription.objects.get(pk=request_.pk).decided_by == owner.email
    assert client.post(link, {"approve": "1"}).status_code == 404
    assert client.get(link).status_code == 404


def test_a_refusal_needs_its_reason(request_: Subscription, owner: User) -> None:
    client, link = Client(), mailed_link(owner)
    assert client.post(link, {"refuse": "1"}).status_code == 422
    assert state(request_) == "pending"
    assert b"Refused" in client.post(link, {"refuse": "1", "reason": "Not yet"}).content
    assert state(request_) == "rejected"


def test_a_link_is_good_for_its_request_and_person_alone(
    request_: Subscription, owner: User, acme: Organization
) -> None:
    link = link_of(request_, owner)
    assert open_link(link) is not None
    owner.organizations.clear()
    assert open_link(link) is None, "who is no owner any more decides nothing"
    other = member(acme, "second@acme.example", role="owner")
    link = link_of(request_, other)
    other.is_active = False
    other.save()
    assert open_link(link) is None


def test_a_link_is_not_good_for_the_next_request(request_: Subscription, owner: User) -> None:
    link = link_of(request_, owner)
    Subscription.objects.filter(pk=request_.pk).update(asked_at=timezone.now())
    assert open_link(link) is None


@pytest.mark.usefixtures("db")
def test_what_nobody_signed_for_this_opens_nothing() -> None:
    for link in ("", "nothing", "a:b:c", signing.dumps(["sub_1", "usr_1", ""])):
        assert open_link(link) is None


def test_an_old_link_opens_nothing(request_: Subscription, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = link_of(request_, owner)
    monkeypatch.setattr("apim.access.one_click.LINK_AGE", timedelta(seconds=-1))
    assert open_link(link) is None


def test_who_decides_is_reminded_once_of_what_waits_too_long(request_: Subscription, owner: User) -> None:
    assert waiting.remind_deciders() == 0
    Subscription.objects.update(asked_at=timezone.now() - waiting.REMINDED_AFTER)
    assert [waiting.remind_deciders(), waiting.remind_deciders()] == [1, 0]
    assert "still waits" in Message.objects.filter(to=owner.email).latest("id").subject
    assert Client().get(mailed_link(owner)).status_code == 200


def test_a_reminder_that_dies_before_its_mail_is_tried_again(
    request_: Subscription, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Subscription.objects.update(asked_at=timezone.now() - waiting.REMINDED_AFTER)

    def die(_subscription: Subscription) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(waiting.inbox, "remind_of_request", die)
        with pytest.raises(SystemExit):
            waiting.remind_deciders()
    assert waiting.remind_deciders() == 1
    assert "still waits" in Message.objects.filter(to=owner.email).latest("id").subject


def test_the_median_is_of_what_was_decided(request_: Subscription) -> None:
    assert waiting.median_answer(Subscription.objects.all()) is None
    Subscription.objects.update(asked_at=timezone.now() - timedelta(hours=3))
    approve_subscription(subscription=request_, by=TESTER)
    answer = waiting.median_answer(Subscription.objects.all())
    assert answer is not None
    assert answer >= timedelta(hours=3)


def test_several_are_approved_at_once_and_what_was_decided_meanwhile_is_left(
    request_: Subscription, owner: User, log_in: LogIn
) -> None:
    client = log_in(owner)
    assert b"Approve the chosen ones" in client.get("/console/approvals").content
    asked = client.get(f"/console/approve-several?id={request_.pk}&id=sub_other")
    assert b"Approve 1 request?" in asked.content
    assert client.post(f"/console/approve-several?id={request_.pk}").status_code == 302
    assert state(request_) == "active"
    again = client.get(f"/console/approve-several?id={request_.pk}")
    assert b"Nothing that you chose waits any more" in again.content


def test_a_stranger_approves_nothing_in_bulk(request_: Subscription, other_owner: User, log_in: LogIn) -> None:
    log_in(other_owner).post(f"/console/approve-several?id={request_.pk}")
    assert state(request_) == "pending"


def test_a_request_that_was_refused_in_the_console_leaves_its_links_dead(request_: Subscription, owner: User) -> None:
    link = mailed_link(owner)
    reject_subscription(subscription=request_, by=TESTER, reason="No")
    assert Client().post(link, {"approve": "1"}).status_code == 404
    assert state(request_) == "rejected"
