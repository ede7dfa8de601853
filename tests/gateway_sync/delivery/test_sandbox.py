"""The sandbox: a twin of each public version that answers as its document says, and of nothing else."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apim.gateways.models import Environment
from apim.gateways.sandbox import PLAN_ID, PRODUCT_ID, is_twin
from apim.gateways.services import update_environment
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.collect import DATABASE, collect
from gateway_sync.delivery.services import publish_state
from gateway_sync.snapshot import API, Snapshot
from tests.factories import catalog
from tests.factories.accounts import TESTER

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])

PATHS = """  /accounts:
    get: {responses: {'200': {description: ok, content: {application/json: {example: [{id: a1}]}}}}}
  /untold:
    get: {responses: {}}"""


@pytest.fixture
def sandbox(environment: Environment) -> Environment:
    """The environment, with its sandbox on."""
    return update_environment(environment=environment, changes={"has_sandbox": True}, by=TESTER)


def snapshot_of(environment: Environment) -> Snapshot:
    return compile_snapshot(collect(environment.id).rows, {}).snapshot


def twins(environment: Environment) -> list[API]:
    return [api for api in snapshot_of(environment).apis if is_twin(api.id)]


def test_a_public_version_with_a_document_gets_a_twin_that_answers_from_it(sandbox: Environment) -> None:
    catalog.described(name="bank", paths=PATHS)
    (twin,) = twins(sandbox)
    (version,) = twin.versions
    assert twin.name == "sandbox.bank"
    assert [policy.kind for policy in version.policies] == ["mock"]
    assert [(route.id, route.products) for route in version.routes] == [("GET /accounts", (PRODUCT_ID,))]
    assert version.contract is not None
    ((name, operation),) = version.contract.operations
    assert (name, operation.answers[0].body) == ("GET /accounts", '[{"id": "a1"}]')


def test_the_twin_never_has_the_address_of_a_service(sandbox: Environment) -> None:
    catalog.described(name="bank", paths=PATHS)
    (twin,) = twins(sandbox)
    assert {target.host for version in twin.versions for target in version.targets} == {"sandbox.invalid"}


def test_internal_apis_and_versions_without_a_document_stay_out_of_the_sandbox(sandbox: Environment) -> None:
    catalog.described(name="secret", paths=PATHS, visibility="internal")
    catalog.published(of=catalog.api(name="plain"))
    assert twins(sandbox) == []


def test_without_the_switch_there_is_no_sandbox(environment: Environment) -> None:
    catalog.described(name="bank", paths=PATHS)
    snapshot = snapshot_of(environment)
    assert [api.name for api in snapshot.apis] == ["bank"]
    assert PLAN_ID not in {plan.id for plan in snapshot.products.plans}


def test_what_is_wrong_with_a_version_is_told_once(sandbox: Environment) -> None:
    catalog.described(name="bank", paths=PATHS + "\n  /a/{b}/{b}:\n    get: {responses: {'200': {description: ok}}}")
    problems = publish_state(sandbox.id).problems
    assert [one.code for one in problems].count("operation.E001") == 1
    assert not any(is_twin(one.where.id) for one in problems)


def test_the_number_of_queries_does_not_depend_on_how_many_documents_there_are(sandbox: Environment) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connections[DATABASE]) as found:
            collect(sandbox.id)
        return len(found)

    catalog.described(name="bank", paths=PATHS)
    few = queries()
    for number in range(5):
        catalog.described(name=f"bank-{number}", paths=PATHS)
    assert queries() == few
    assert queries() == few - 1  # every document was read before
