"""The funnel: each step counted once a person and product, times from real events."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import Organization, User
from apim.catalog.models import API
from apim.gateways.models import Environment, Gateway
from apim.onboarding import journeys
from apim.onboarding.funnel import funnel_of, usual_way_s
from apim.onboarding.journeys import arrive, celebrate, count_view, note_calls, set_out
from apim.onboarding.models import Journey
from tests.factories import access, accounts, catalog, gateways, products, usage
from tests.factories.usage import ingest

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(acme: Organization) -> API:
    return catalog.api(organization=acme, name="bank")


def reached(api: API) -> list[int]:
    now = timezone.now()
    return [step.reached for step in funnel_of(api, since=now - timedelta(days=1), until=now).steps]


def test_without_anybody_it_is_empty(api: API) -> None:
    now = timezone.now()
    funnel = funnel_of(api, since=now - timedelta(days=1), until=now)
    assert funnel.is_empty
    assert (funnel.median_s, funnel.p90_s) == (None, None)


def test_each_step_of_the_way_is_counted_from_what_happened(api: API, developer: User, gateway: Gateway) -> None:
    version = catalog.published(of=api)
    product = products.product(version=version, plans=[products.plan(organization=api.organization)])
    application = access.application(of=developer.organizations.get())
    count_view(api)
    count_view(api)
    set_out(user=developer, product=product)
    set_out(user=developer, product=product)
    assert reached(api) == [1, 0, 0, 0, 0]
    arrive(user=developer, product=product, application=application, has_key=True)
    assert reached(api) == [1, 1, 1, 0, 0]

    began = developer.created_at
    tell(gateway, application, version.id, 1, began + timedelta(seconds=20), 401)
    assert note_calls(timezone.now()) == 1
    assert reached(api) == [1, 1, 1, 1, 0]
    tell(gateway, application, version.id, 2, began + timedelta(seconds=40), 200)
    tell(gateway, application, version.id, 3, began + timedelta(seconds=60), 200)
    assert note_calls(timezone.now()) == 1
    assert reached(api) == [1, 1, 1, 1, 1]
    now = timezone.now()
    funnel = funnel_of(api, since=now - timedelta(days=1), until=now)
    assert (funnel.views, funnel.newcomers, funnel.whole_ways, funnel.median_s, funnel.p90_s) == (2, 1, 1, 40, 40)
    assert note_calls(now) == 0


def test_what_is_celebrated_while_calls_are_noted_stays_celebrated(
    api: API, developer: User, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = catalog.published(of=api)
    product = products.product(version=version)
    application = access.application(of=developer.organizations.get())
    arrive(user=developer, product=product, application=application, has_key=True)
    tell(gateway, application, version.id, 1, developer.created_at, 401)
    read = journeys._opened

    def read_slowly(product_ids: set[str]) -> dict[str, set[str]]:
        assert celebrate(developer, application.id) is not None
        return read(product_ids)

    monkeypatch.setattr(journeys, "_opened", read_slowly)
    assert note_calls(timezone.now()) == 0
    assert celebrate(developer, application.id) is None


def test_who_waits_longest_is_noted_however_many_came_since(
    api: API, developer: User, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journeys, "_BATCH", 1)
    version = catalog.published(of=api)
    product = products.product(version=version)
    application = access.application(of=developer.organizations.get())
    for person in (developer, accounts.user("second@example.org"), accounts.user("third@example.org")):
        arrive(user=person, product=product, application=application, has_key=True)
    tell(gateway, application, version.id, 1, timezone.now(), 200)
    assert note_calls(timezone.now()) == 3


def test_calls_of_other_apis_are_not_part_of_the_way(api: API, developer: User, gateway: Gateway) -> None:
    product = products.product(version=catalog.published(of=api))
    application = access.application(of=developer.organizations.get())
    arrive(user=developer, product=product, application=application, has_key=True)
    tell(gateway, application, catalog.published().id, 1, developer.created_at, 200)
    assert note_calls(timezone.now()) == 0


def test_median_and_p90_are_those_of_newcomers(api: API) -> None:
    product = products.product(version=catalog.published(of=api))
    now = timezone.now()
    for seconds in (10, 20, 30, 40, 1000):
        user = accounts.user(f"user{seconds}@example.org")
        Journey.objects.create(
            user=user, product=product, began_at=now, succeeded_at=user.created_at + timedelta(seconds=seconds)
        )
    funnel = funnel_of(api, since=now - timedelta(days=1), until=timezone.now())
    assert (funnel.median_s, funnel.p90_s) == (30, 1000)


def test_the_usual_way_is_told_once_enough_people_went_it(api: API) -> None:
    product, now = products.product(version=catalog.published(of=api)), timezone.now()
    assert usual_way_s(now) is None
    for seconds in (10, 20, 30, 40, 1000):
        cache.clear()  # where it is kept for some minutes
        assert usual_way_s(now) is None
        user = accounts.user(f"user{seconds}@example.org")
        Journey.objects.create(
            user=user, product=product, began_at=now, succeeded_at=user.created_at + timedelta(seconds=seconds)
        )
    assert usual_way_s(now) is None, "as it was kept"
    cache.clear()
    assert usual_way_s(now) == 30
    cache.clear()
    assert usual_way_s(now + timedelta(days=31)) is None, "nobody came lately"


@pytest.fixture
def gateway(environment: Environment) -> Gateway:
    return gateways.enrolled_gateway(environment=environment).gateway


def tell(gateway: Gateway, application: Application, version_id: str, seq: int, at: datetime, status: int) -> None:
    fields = {"application": application.id, "version_id": version_id}
    ingest(gateway=gateway, batch=usage.batch(usage.event(seq, at=at, status=status, **fields)))
