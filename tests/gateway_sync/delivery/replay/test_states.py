"""The last calls decided anew before a whole state goes back, or follows its configuration again."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from gateway_sync.delivery import services
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.pinning import plan_release, plan_rollback, roll_back
from gateway_sync.delivery.replay import Outcome, replay_states
from tests.factories import access, gateways, products
from tests.factories.accounts import TESTER
from tests.gateway_sync.delivery.replay.calls import call

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "collect"]),
    pytest.mark.usefixtures("no_redis"),
]


@pytest.fixture
def version(environment: Environment) -> APIVersion:
    """One that had an operation less when it was published first; another API never changed."""
    changed = gateways.published_version("GET /accounts", name="bank")
    gateways.published_version("GET /other", name="other")
    services.publish(environment.id)
    gateways.changed_version(changed, "GET /accounts", "GET /cards")
    services.publish(environment.id)
    return changed


@pytest.fixture
def caller(version: APIVersion, environment: Environment) -> Application:
    """An application that may call all of it, now."""
    application = access.application(name="shop")
    product = products.product(version=version)
    access.subscription(application=application, product=product, plan=product.plans.get(), environment=environment)
    services.publish(environment.id)
    for path in ("/accounts", "/cards", "/cards"):
        call(version, application, f"GET {path}", f"/bank/v1{path}")
    return application


@pytest.mark.usefixtures("caller")
def test_calls_that_an_earlier_publication_would_answer_otherwise_are_told(environment: Environment) -> None:
    newest = Publication.objects.all()[:1].get()
    earlier = Publication.objects.filter(revision__lt=newest.revision)[:1].get()
    plan = plan_rollback(earlier)
    made = replay_states(environment, plan.now, plan.then)
    closed = {each.call.path for each in made.differences}
    assert made.calls == 3
    assert closed == {"/bank/v1/accounts", "/bank/v1/cards"}  # no product opened it then
    same = replay_states(environment, plan.now, plan.now)
    assert (same.calls, same.differences) == (0, ())


@pytest.mark.usefixtures("caller")
def test_who_goes_back_or_on_reads_first_how_calls_would_be_answered(
    environment: Environment, admin: User, client: Client
) -> None:
    first = Publication.objects.order_by("revision")[:1].get()
    client.force_login(admin)
    body = client.get(f"/console/admin/publications/{first.pk}/go-back").content.decode()
    assert "3 of the last 3 calls would be answered differently." in body
    assert "GET /cards" in body
    roll_back(publication=first, by=TESTER, reason="the calls fail")
    services.publish(environment.id)
    plan = plan_release(environment)
    made = replay_states(environment, plan.now, plan.then)
    assert {each.then for each in made.differences} == {
        Outcome("forwarded", operation="GET /accounts"), Outcome("forwarded", operation="GET /cards"),
    }  # fmt: skip
