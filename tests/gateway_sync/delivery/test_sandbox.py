"""The sandbox: a twin of each public version that answers as its document says, and of nothing else."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apim.catalog.services import publish_version, save_revision
from apim.catalog.services.sandboxes import name_sandbox_service
from apim.gateways.models import Environment
from apim.gateways.sandbox import PLAN_ID, PRODUCT_ID, is_twin
from apim.gateways.services import update_environment
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.collect import DATABASE, collect
from gateway_sync.delivery.sandbox import sandbox_apis
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


TEST_SYSTEM = {"targets": [{"url": "http://127.0.0.1:9555/test"}], "timeout_s": 5}


def test_a_version_with_a_service_of_its_own_for_the_sandbox_is_forwarded_there(sandbox: Environment) -> None:
    version = catalog.described(name="bank", paths=PATHS)
    name_sandbox_service(version=version, upstream=TEST_SYSTEM | {"headers": {"X-Test": "1"}}, by=TESTER)
    ((twin,),) = (api.versions for api in twins(sandbox))
    assert [(target.host, target.port, target.base_path) for target in twin.targets] == [("127.0.0.1", 9555, "/test")]
    assert [policy.kind for policy in twin.policies] == ["request-headers"]
    assert [route.id for route in twin.routes] == ["GET /accounts", "GET /untold"]
    assert twin.contract is None


def test_a_test_system_gets_what_shapes_calls_and_nothing_that_opens_the_service_in_earnest(
    sandbox: Environment,
) -> None:
    version = catalog.described(name="bank", paths=PATHS)
    policies = [
        {"rate-limit": {"limit": "10/s", "by": "address"}},
        {"request-headers": {"set": {"Authorization": "Basic c2VjcmV0"}}},
        {"query": {"set": {"key": "secret"}}},
        {"mock": {}},
    ]
    save_revision(version=version, by=TESTER, policies=policies)
    publish_version(version=version, by=TESTER)
    name_sandbox_service(version=version, upstream=TEST_SYSTEM, by=TESTER)
    ((twin,),) = (api.versions for api in twins(sandbox))
    assert [policy.kind for policy in twin.policies] == ["rate-limit"]


def test_a_version_without_a_document_has_a_sandbox_once_it_has_a_service(sandbox: Environment) -> None:
    version = catalog.published(of=catalog.api(name="plain"))
    assert twins(sandbox) == []
    name_sandbox_service(version=version, upstream=TEST_SYSTEM, by=TESTER)
    assert [api.name for api in twins(sandbox)] == ["sandbox.plain"]
    name_sandbox_service(version=version, upstream={}, by=TESTER)
    assert twins(sandbox) == []


def test_composites_of_a_forwarded_sandbox_are_mocked_or_closed_and_never_run(sandbox: Environment) -> None:
    version = catalog.described(name="bank", paths=PATHS)
    steps = {"steps": [{"name": "one", "call": "GET /accounts", "upstream": "http://127.0.0.1:9101"}]}
    composites = {"GET /accounts": steps, "GET /untold": steps}
    version.revisions.update(composites=composites)  # as the compiler reads them; what steps may say is told elsewhere
    name_sandbox_service(version=version, upstream=TEST_SYSTEM, by=TESTER)
    ((twin,),) = (api.versions for api in sandbox_apis(sandbox.id, collect(sandbox.id).rows.apis[:1], "default"))
    assert [f"{one.method} {one.path}" for one in twin.operations] == ["GET /accounts"]
    assert [(policy.kind, policy.settings) for policy in twin.policies] == [("mock", {"operations": ["GET /accounts"]})]
    assert twin.composites == {}


def test_what_is_wrong_with_the_service_of_a_sandbox_is_told_at_its_version(sandbox: Environment) -> None:
    version = catalog.described(name="bank", paths=PATHS)
    name_sandbox_service(version=version, upstream={"targets": [{"url": "http://192.0.2.7:80"}]}, by=TESTER)
    update_environment(environment=sandbox, changes={"allow_public_networks": False}, by=TESTER)
    told = [(one.code, one.where.id, one.where.field) for one in publish_state(sandbox.id).problems]
    assert told == [("upstream.E005", version.id, "sandbox_upstream")]
    assert [api.name for api in snapshot_of(sandbox).apis] == ["bank"]
