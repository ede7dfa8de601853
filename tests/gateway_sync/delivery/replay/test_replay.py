"""The last calls decided anew: what would be answered otherwise, by the gateway's own code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apim.access.models import Application
from apim.catalog import services as catalog
from apim.catalog.models import APIVersion, Revision
from apim.gateways.models import Environment
from apim.usage.models import UsageRecord
from gateway_sync.delivery.replay import Outcome, replay
from gateway_sync.delivery.replay.reading import judge, state_of
from tests.factories import access, gateways, products
from tests.factories.accounts import TESTER
from tests.factories.catalog import openapi
from tests.gateway_sync.delivery.replay.calls import call

pytestmark = pytest.mark.django_db

OPERATIONS = ("GET /accounts", "GET /accounts/{id}", "POST /accounts")


@pytest.fixture
def version() -> APIVersion:
    """A version that runs."""
    return gateways.published_version(*OPERATIONS, name="bank")


@pytest.fixture
def caller(version: APIVersion, environment: Environment) -> Application:
    """An application whose subscription covers all of it."""
    application = access.application(name="shop")
    product = products.product(version=version)
    access.subscription(application=application, product=product, plan=product.plans.get(), environment=environment)
    return application


@pytest.fixture
def changed(version: APIVersion) -> Callable[..., Revision]:
    """Saves a revision that does not run yet."""

    def change(*operations: str, policies: list[dict[str, object]] | None = None) -> Revision:
        written = [{"method": one.split()[0], "path": one.split()[1]} for one in operations or OPERATIONS]
        return catalog.save_revision(version=version, by=TESTER, operations=written, policies=policies or [])

    return change


def outcomes(environment: Environment, revision: Revision) -> list[tuple[Outcome, Outcome]]:
    return [(each.now, each.then) for each in replay(environment, revision).differences]


def test_an_equal_revision_answers_all_calls_as_now(
    environment: Environment, version: APIVersion, caller: Application, changed: Callable[..., Revision]
) -> None:
    call(version, caller, "GET /accounts", "/bank/v1/accounts")
    call(version, caller, "GET /accounts/{id}", "/bank/v1/accounts/7")
    made = replay(environment, changed())
    assert (made.calls, made.differences, made.problems) == (2, (), ())


@pytest.mark.parametrize(
    ("operations", "status", "code"),
    [
        (("GET /accounts",), 404, "not-found"),
        (("GET /accounts", "DELETE /accounts/{id}"), 405, "method-not-allowed"),
    ],
)
def test_a_call_whose_operation_is_gone_would_be_refused(
    environment: Environment,
    version: APIVersion,
    caller: Application,
    changed: Callable[..., Revision],
    operations: tuple[str, ...],
    status: int,
    code: str,
) -> None:
    call(version, caller, "GET /accounts", "/bank/v1/accounts")
    call(version, caller, "GET /accounts/{id}", "/bank/v1/accounts/7")
    made = replay(environment, changed(*operations))
    assert made.certain == 1
    assert [(each.now, each.then) for each in made.differences] == [
        (Outcome("forwarded", operation="GET /accounts/{id}"), Outcome("refused", status, code))
    ]


def test_an_operation_that_becomes_more_concrete_takes_calls_away(
    environment: Environment, version: APIVersion, caller: Application, changed: Callable[..., Revision]
) -> None:
    call(version, caller, "GET /accounts/{id}", "/bank/v1/accounts/mine")
    found = outcomes(environment, changed(*OPERATIONS, "GET /accounts/mine"))
    assert [then.operation for _, then in found] == ["GET /accounts/mine"]


def test_an_operation_that_no_product_of_the_caller_names_would_be_refused(
    environment: Environment, version: APIVersion, changed: Callable[..., Revision]
) -> None:
    application = access.application()
    product = products.product(version=version, operations=("GET /accounts/{id}",))
    access.subscription(application=application, product=product, plan=product.plans.get(), environment=environment)
    call(version, application, "GET /accounts/{id}", "/bank/v1/accounts/mine")
    found = outcomes(environment, changed(*OPERATIONS, "GET /accounts/mine"))
    assert [(then.status, then.code) for _, then in found] == [(403, "no-subscription")]


def test_a_policy_that_answers_in_the_services_place_is_told(
    environment: Environment, version: APIVersion, caller: Application, changed: Callable[..., Revision]
) -> None:
    call(version, caller, "GET /accounts", "/bank/v1/accounts")
    policies: list[dict[str, object]] = [{"redirect": {"location": "https://example.com/moved"}}]
    found = outcomes(environment, changed(policies=policies))
    assert [(then.kind, then.status, then.policy, then.turns_on) for _, then in found] == [
        ("answered", 308, "redirect", "")
    ]


def test_a_smaller_limit_of_bodies_refuses_those_that_were_larger(
    environment: Environment, version: APIVersion, caller: Application, changed: Callable[..., Revision]
) -> None:
    call(version, caller, "POST /accounts", "/bank/v1/accounts", request_bytes=100)
    call(version, caller, "POST /accounts", "/bank/v1/accounts", request_bytes=5000)
    made = replay(environment, changed(policies=[{"size-limit": {"max": 1000}}]))
    assert [(each.then.status, each.call.request_bytes) for each in made.differences] == [(413, 5000)]


@pytest.mark.parametrize(
    ("policy", "turns_on"),
    [
        ({"ip-filter": {"allow": ["192.0.2.0/24"]}}, "address"),
        ({"key-auth": {"header": "X-Other"}}, "key"),
    ],
    ids=["address", "key"],
)
def test_what_turns_on_what_the_log_does_not_keep_is_told_apart(
    environment: Environment,
    version: APIVersion,
    caller: Application,
    changed: Callable[..., Revision],
    policy: dict[str, object],
    turns_on: str,
) -> None:
    call(version, caller, "POST /accounts", "/bank/v1/accounts", request_bytes=10)
    made = replay(environment, changed(policies=[policy]))
    assert made.problems == ()
    assert [(each.then.turns_on, each.is_certain) for each in made.differences] == [(turns_on, False)]


@pytest.mark.parametrize(
    ("asked", "turns_on"),
    [
        ("parameters: [{name: X-Tenant, in: header, required: true, schema: {type: string}}]", "fields"),
        ("requestBody: {required: true, content: {application/json: {schema: {type: object}}}}", "body"),
    ],
    ids=["fields", "body"],
)
def test_what_a_document_asks_for_newly_may_refuse_calls(
    environment: Environment, version: APIVersion, caller: Application, asked: str, turns_on: str
) -> None:
    call(version, caller, "POST /accounts", "/bank/v1/accounts", request_bytes=10)
    document = openapi(f"  /accounts:\n    post: {{{asked}, responses: {{'201': {{description: made}}}}}}")
    policies = [{"validate-request": {}}]
    revision = catalog.save_revision(version=version, by=TESTER, document=document, policies=policies)
    found = replay(environment, revision).differences
    assert [(each.now.kind, each.then.status, each.then.policy, each.then.turns_on) for each in found] == [
        ("forwarded", 400, "validate-request", turns_on)
    ]


def test_what_the_compiler_finds_only_in_the_revision_is_told(
    environment: Environment, version: APIVersion, changed: Callable[..., Revision]
) -> None:
    product = products.product(version=version, operations=("POST /accounts",))
    revision = changed("GET /accounts")
    found = replay(environment, revision).problems
    assert [(problem.where.kind, problem.where.id) for problem in found] == [("product", product.id)]


def test_a_version_that_never_ran_has_nothing_to_compare(environment: Environment) -> None:
    api = catalog.create_api(organization=access.application().organization, name="fresh", by=TESTER)
    version = catalog.create_version(api=api, name="v1", by=TESTER)
    revision = catalog.save_revision(version=version, by=TESTER, operations=[{"method": "GET", "path": "/"}])
    made = replay(environment, revision)
    assert (made.calls, made.differences) == (0, ())


def test_the_number_of_queries_does_not_grow_with_calls(
    environment: Environment, version: APIVersion, caller: Application, changed: Callable[..., Revision]
) -> None:
    revision = changed("GET /accounts")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            replay(environment, revision)
        return len(captured)

    call(version, caller, "GET /accounts/{id}", "/bank/v1/accounts/1")
    few = queries()
    for number in range(30):
        call(version, access.application(), "GET /accounts/{id}", f"/bank/v1/accounts/{number}")
    assert queries() == few


def test_what_there_is_no_time_to_decide_is_told_and_not_decided(
    environment: Environment, version: APIVersion, caller: Application
) -> None:
    call(version, caller, "GET /accounts", "/bank/v1/accounts")
    state, records = state_of(environment, [version.id]), list(UsageRecord.objects.all())
    for budget_s, decided in ((-1.0, 0), (600.0, 1)):
        made = judge(environment, records, state, state, budget_s=budget_s)
        assert (made.calls, made.is_cut_off) == (decided, not decided)
