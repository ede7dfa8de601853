"""Documents by which some of the last calls would be answered differently are refused until somebody accepts that."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog.models import API, APIVersion
from apim.gateways.models import Environment
from apim.products.models import Product
from gateway_sync.delivery.replay import Applying
from gateway_sync.delivery.replay.reading import Replay
from tests.apim.api.conftest import DOCUMENTS, OPENAPI, MakeClient, assert_problem, counted_queries
from tests.factories import access, gateways, products
from tests.gateway_sync.delivery.replay.calls import call

pytestmark = pytest.mark.django_db

BANK, *_ = DOCUMENTS.split("---\n")
CLOSED = f"{BANK}      policies: [{{ fixed-answer: {{ status: 503 }} }}]\n"


@pytest.fixture
def called(bank: dict[str, Any], environment: Environment) -> APIVersion:
    """The bank's version, with three calls of a subscribed application in the log."""
    product = Product.objects.get(name="payments")
    caller = Application.objects.get(name="shop")
    plan = product.plans.get(name="starter")
    access.subscription(application=caller, product=product, plan=plan, environment=environment)
    version = APIVersion.objects.get(api__name="bank")
    for _ in range(3):
        call(version, caller, "GET /accounts", "/bank/v1/accounts", environment=environment)
    return version


def apply(client: APIClient, documents: str, **more: Any) -> Any:
    body = {"documents": documents, "files": {"./accounts.yaml": OPENAPI}, **more}
    return client.post("/api/v1/documents/apply", body, format="json")


def policies_of(version: APIVersion) -> Any:
    return version.deployments.get().revision.policies


@pytest.mark.usefixtures("called")
def test_a_dry_run_tells_which_calls_would_be_answered_differently(api: MakeClient, admin: User) -> None:
    calls = apply(api(admin), CLOSED, dry_run=True).json()["calls"]
    assert (calls["compared"], calls["differing"], calls["certain"], calls["is_cut_off"]) == (3, 3, 3, False)
    (alike,) = calls["groups"]
    assert (alike["operation"], alike["then"]) == ("GET /accounts", "answered 503 fixed-answer")
    assert alike["example"] == "/bank/v1/accounts"


def test_it_is_refused_and_changes_nothing_until_they_are_accepted(
    api: MakeClient, admin: User, called: APIVersion
) -> None:
    told = assert_problem(apply(api(admin), CLOSED), 409, "documents.answers_differ")
    assert told["calls"]["differing"] == 3
    assert "accept_answers" in told["hint"]
    assert policies_of(called) == []
    done = apply(api(admin), CLOSED, accept_answers=True)
    assert done.status_code == 200
    assert done.json()["calls"]["differing"] == 3
    assert policies_of(called) != []
    assert apply(api(admin), CLOSED).status_code == 200  # nothing differs any more


@pytest.mark.usefixtures("called")
def test_a_token_that_may_not_see_calls_is_told_how_many_and_not_which(api: MakeClient, admin: User) -> None:
    writes = ("apis:write", "products:write", "access:write")
    deploy, watch = api(admin, scopes=writes), api(admin, scopes=(*writes, "usage:read"))
    calls = apply(deploy, CLOSED, dry_run=True).json()["calls"]
    assert (calls["differing"], calls["groups"]) == (3, None)
    refused = assert_problem(apply(deploy, CLOSED), 409, "documents.answers_differ")
    assert (refused["calls"]["differing"], refused["calls"]["groups"]) == (3, None)
    assert apply(watch, CLOSED, dry_run=True).json()["calls"]["groups"] is not None


@pytest.mark.usefixtures("called")
def test_what_changes_no_answer_is_applied_without_a_word(api: MakeClient, admin: User) -> None:
    done = apply(api(admin), BANK.replace("timeout: 5s", "timeout: 6s"))
    assert done.status_code == 200
    assert (done.json()["calls"]["compared"], done.json()["calls"]["differing"]) == (3, 0)


@pytest.mark.usefixtures("called")
def test_a_product_that_no_longer_opens_what_is_called_is_told_too(api: MakeClient, admin: User) -> None:
    closed = DOCUMENTS.replace(
        "apis: [{ api: bank, versions: [v1] }]",
        'apis: [{ api: bank, versions: [v1], operations: ["GET /accounts/{id}"] }]',
    )
    calls = apply(api(admin), closed, dry_run=True).json()["calls"]
    assert (calls["compared"], calls["differing"]) == (3, 3)


def heard_of(user: User) -> Replay:
    """What somebody is told who names an API and a product of others in documents, wherever that ends."""
    heard: list[Replay] = []
    watch = Applying(user=user, hear=heard.append)
    watch.look([document("API", "bank"), document("Product", "payments")])
    watch.begin()
    watch.end()
    return heard[0]


def document(kind: str, name: str) -> Any:
    from apim.documents.reading import Document  # noqa: PLC0415

    return Document(kind, name, "default", {}, {}, 0, "")


@pytest.mark.usefixtures("called")
def test_only_calls_of_apis_that_one_may_change_are_looked_at(
    admin: User, owner: User, other_owner: User, developer: User
) -> None:
    assert [heard_of(user).calls for user in (admin, owner, other_owner, developer)] == [3, 3, 0, 0]


def test_queries_do_not_grow_with_calls_and_apis(
    api: MakeClient, admin: User, called: APIVersion, environment: Environment
) -> None:
    client = api(admin)
    apply(client, CLOSED, dry_run=True)
    with counted_queries() as few:
        apply(client, CLOSED, dry_run=True)
    caller = Application.objects.get(name="shop")
    for number in range(4):
        gateways.published_version("GET /a", name=f"more-{number}", of=called.api.organization)
    product = products.product(version=APIVersion.objects.get(api__name="more-0"), name="more")
    access.subscription(application=caller, product=product, plan=product.plans.get(), environment=environment)
    for _ in range(20):
        call(called, caller, "GET /accounts/{id}", "/bank/v1/accounts/7", environment=environment)
    with counted_queries() as many:
        apply(client, CLOSED, dry_run=True)
    assert API.objects.count() == 5
    assert len(many) <= len(few)
