"""What is promised of an API beside what its services bear."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.access.commitments import commitments
from apim.access.models import Subscription
from apim.accounts.models import Organization
from apim.audit.models import AuditEvent
from apim.catalog.models import API
from apim.products.limits import Terms
from apim.products.services import set_capacity
from tests.factories import access, catalog, products
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db


def sold(api: API, *, rate: dict[str, int] | None, subscribers: int) -> None:
    """A product of the API with one plan, which so many have."""
    plan = products.plan(organization=api.organization, terms=Terms(rate=rate))
    product = products.product(version=api.versions.get(), plans=[plan])
    for _ in range(subscribers):
        access.subscription(application=access.application(), product=product, plan=plan)


@pytest.fixture
def bank(acme: Organization) -> API:
    return catalog.published(of=catalog.api(organization=acme, name="bank")).api


def test_rates_of_all_subscribers_are_added(bank: API) -> None:
    sold(bank, rate={"requests": 10, "per_s": 1, "burst": 10}, subscribers=2)
    sold(bank, rate={"requests": 50, "per_s": 60, "burst": 50}, subscribers=1)
    set_capacity(api=bank, calls_per_s=20, by=TESTER)
    (found,) = commitments([bank])
    assert (found.promised_per_s, found.bears_per_s, found.percent, found.is_over) == (21, 20, 105, True)
    assert [(each.subscribers, each.per_s) for each in found.promises] == [(2, 20), (1, 1)]
    ended = Subscription.objects.order_by("created_at").first()
    assert ended is not None
    Subscription.objects.filter(pk=ended.pk).update(lifecycle="ended")
    assert not commitments([bank])[0].is_over


def test_a_subscriber_without_a_rate_is_more_than_anything_bears(bank: API) -> None:
    sold(bank, rate=None, subscribers=1)
    assert not commitments([bank])[0].is_over  # nobody said what it bears
    set_capacity(api=bank, calls_per_s=1000, by=TESTER)
    (found,) = commitments([bank])
    assert (found.promised_per_s, found.without_rate, found.is_over) == (0, 1, True)


def test_many_apis_cost_as_many_queries_as_one(bank: API, acme: Organization) -> None:
    others = [catalog.published(of=catalog.api(organization=acme, name=f"bank-{n}")).api for n in range(3)]
    for api in (bank, *others):
        sold(api, rate={"requests": 1, "per_s": 1, "burst": 1}, subscribers=1)
    with CaptureQueriesContext(connection) as one:
        commitments([bank])
    with CaptureQueriesContext(connection) as many:
        assert [each.promised_per_s for each in commitments([bank, *others])] == [1] * 4
    assert len(many) == len(one)


def test_what_services_bear_is_kept_and_told_once(bank: API) -> None:
    for value in (20, 20, None, None):
        set_capacity(api=bank, calls_per_s=value, by=TESTER)
    told = AuditEvent.objects.filter(action="api.set_capacity").order_by("at", "id").values_list("before", "after")
    assert [(before["calls_per_s"], after["calls_per_s"]) for before, after in told] == [(None, 20), (20, None)]
