"""Collecting: one state, in a number of queries that does not grow."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.catalog.models import APIVersion, Revision
from apim.catalog.services import publish_version, save_revision
from apim.gateways.models import Environment
from apim.products.limits import Terms
from apim.products.models import ProductItem
from apim.products.services import create_meter, create_plan
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery import collect as collecting
from gateway_sync.delivery.collect import DATABASE, collect
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.services import publish_state
from gateway_sync.rows import CapRow, QuotaRow
from gateway_sync.snapshot import Quota
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER, organization

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "collect"])


def queries_of_collecting(environment: Environment) -> int:
    with CaptureQueriesContext(connections[DATABASE]) as queries:
        collect(environment.id)
    return len(queries)


def test_the_number_of_queries_does_not_depend_on_how_much_there_is(environment: Environment) -> None:
    factory.stock(environment, apis=1)
    few = queries_of_collecting(environment)
    factory.stock(environment, apis=30)
    assert queries_of_collecting(environment) == few
    assert few < 18


def test_what_is_written_while_it_reads_is_not_seen(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    factory.stock(environment, apis=2)
    read_products = collecting.product_rows

    def write_then_read(database: str) -> object:
        factory.stock(environment, apis=3)  # by another connection, committed at once
        return read_products(database)

    monkeypatch.setattr(collecting, "product_rows", write_then_read)
    rows = collect(environment.id).rows
    assert (len(rows.apis), len(rows.products)) == (2, 2)


@pytest.mark.parametrize("state", ["draft", "review", "blocked"])
def test_a_version_that_must_not_be_called_is_not_collected(environment: Environment, state: str) -> None:
    version = factory.published_version()
    APIVersion.objects.filter(id=version.id).update(state=state)
    assert collect(environment.id).rows.apis == ()


def test_an_archived_api_is_not_collected(environment: Environment) -> None:
    version = factory.published_version()
    version.api.archived_at = timezone.now()
    version.api.save()
    assert collect(environment.id).rows.apis == ()


@pytest.mark.parametrize("nonsense", [None, "text", 7, [None], [{}], [{"x": 1}], {"targets": "x", "timeout_s": "y"}])
def test_json_that_no_service_wrote_becomes_problems_and_never_an_error(
    environment: Environment, nonsense: object
) -> None:
    version = factory.published_version("GET /a")
    fields = {"operations": nonsense or [], "upstream": nonsense or {}, "policies": nonsense or 7}
    Revision.objects.filter(version=version).update(passthrough=nonsense, **fields)
    compiled = compile_snapshot(collect(environment.id).rows, {})
    assert compiled.snapshot.apis == ()
    assert {"upstream.E001", "policy.E001"} <= {problem.code for problem in compiled.problems}


def test_operations_of_a_product_that_cannot_be_read_open_nothing(environment: Environment) -> None:
    factory.stock(environment, apis=1)
    ProductItem.objects.update(operations="nonsense")
    compiled = compile_snapshot(collect(environment.id).rows, {})
    assert compiled.snapshot.apis[0].versions[0].routes[0].products == ()


def test_the_contract_is_collected_of_versions_whose_policies_go_by_it(environment: Environment) -> None:
    plain, checked = factory.published_version(), factory.published_version()
    document = (
        '{"openapi": "3.1.0", "info": {"title": "A", "version": "1"}, "paths": {"/accounts": {"get": {"parameters":'
        ' [{"name": "limit", "in": "query", "schema": {"type": "integer"}}], "responses": {}}}}}'
    )
    for version, policies in ((plain, []), (checked, [{"validate-request": {}}])):
        revision = save_revision(version=version, by=factory.TESTER, document=document, policies=policies)
        publish_version(version=version, by=factory.TESTER, revision=revision)
    found = {version.id: version.contract for api in collect(environment.id).rows.apis for version in api.versions}
    assert found[plain.pk] is None
    contract = found[checked.pk]
    assert contract is not None
    ((route_id, operation),) = contract.operations
    assert (route_id, operation.parameters[0].name) == ("GET /accounts", "limit")
    compiled = compile_snapshot(collect(environment.id).rows, {})
    assert [problem for problem in compiled.problems if problem.is_error] == []
    assert {version.id: version.contract for api in compiled.snapshot.apis for version in api.versions} == found


def test_quotas_of_a_subscriptions_own_periods_reach_the_snapshot(environment: Environment) -> None:
    owner = organization()
    quotas = [
        {"requests": 5, "per": "day"},
        {"requests": 10, "per": "day", "unit": "bytes"},
        {"requests": 900, "per": "period", "unit": "units"},
    ]
    pricing = {
        "currency": "EUR", "interval": "year", "prices": [{"name": "base", "model": "flat", "amount": "10.00"}],
    }  # fmt: skip
    plan = create_plan(organization=owner, name="paid", terms=Terms(quotas=quotas, pricing=pricing), by=TESTER)
    rows = collect(environment.id).rows
    row = next(row for row in rows.plans if row.plan == plan.name)
    assert row.quotas[-1] == QuotaRow(900, "period", unit="units", window="anchored")
    compiled = compile_snapshot(rows, {})
    assert [problem for problem in compiled.problems if problem.is_error] == []
    (told,) = [each for each in compiled.snapshot.products.plans if each.id == row.id]
    assert told.quotas == (
        Quota(5, "day"),
        Quota(10, "day", unit="bytes"),
        Quota(900, "period", "block", "units", "anchored"),
    )


def test_what_a_plan_includes_of_meters_becomes_quotas_and_caps_of_the_billing_period(environment: Environment) -> None:
    owner = organization()
    for name, definition in {
        "calls": {},
        "more-calls": {"where": "status < 400"},
        "bytes": {"source": "bytes"},
        "weighted": {"weights": {"POST /transfers": 5}},
        "posts": {"where": 'method == "POST" and status < 400'},
    }.items():
        create_meter(organization=owner, name=name, definition=definition, by=TESTER)
    limits = [
        {"meter": "calls", "included": 100, "onExceed": "bill", "hardCap": 2000},
        {"meter": "more-calls", "included": 50, "onExceed": "bill"},
        {"meter": "bytes", "included": 10, "onExceed": "block"},
        {"meter": "weighted", "included": 10, "onExceed": "bill", "hardCap": 20},
        {"meter": "posts", "included": 7, "onExceed": "bill"},
    ]
    pricing = {
        "currency": "EUR",
        "interval": "year",
        "prices": [{"name": "base", "model": "flat", "amount": "10.00"}],
        "limits": limits,
    }
    plan = create_plan(organization=owner, name="paid", terms=Terms(pricing=pricing), by=TESTER)
    row = next(row for row in collect(environment.id).rows.plans if row.plan == plan.name)
    assert row.interval == "year"
    assert row.quotas == (QuotaRow(2000, "period"), QuotaRow(50, "period", "bill"))
    well = (("status_class", "==", 2),)
    assert row.caps == (
        CapRow("bytes", hard=10, source="bytes", where=well),
        CapRow("weighted", hard=20, soft=10, weights=(("POST /transfers", 5),), where=well),
        CapRow("posts", soft=7, where=(("method", "==", "POST"), ("status", "<", 400))),
    )


def test_composites_are_collected_and_what_is_none_is_passed_over(environment: Environment) -> None:
    version = factory.published_version()
    for stored, wanted in (({"GET /a": {"steps": []}}, {"GET /a": {"steps": []}}), ([], {})):
        Revision.objects.filter(version=version).update(composites=stored)
        assert collect(environment.id).rows.apis[0].versions[0].composites == wanted


@pytest.mark.parametrize("stage", ["trial", "ended"])
@pytest.mark.usefixtures("no_redis")
def test_what_was_only_tried_is_no_good_form_of_anything(environment: Environment, stage: str) -> None:
    version = factory.published_version("GET /good")
    publish_state(environment.id)
    factory.changed_version(version, "GET /tried")
    publish_state(environment.id)
    Publication.objects.filter(pk=Publication.objects.all()[0].pk).update(stage=stage)
    collected = collect(environment.id)
    assert collected.last is not None
    assert "GET /tried" not in collected.last_good[f"api:{version.api_id}"]
    assert "GET /good" in collected.last_good[f"api:{version.api_id}"]
    assert collected.last.stage == stage
