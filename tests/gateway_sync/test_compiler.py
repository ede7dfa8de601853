"""The compiler: total, pure, and nobody is held back by somebody else's fault.

Promises R4, R10, H26.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from gateway_sync.compiler import Compiled, compile_snapshot
from gateway_sync.policies.contracts import AnswerContract, Contract, OperationContract
from gateway_sync.rows import (
    CapRow,
    PlanVersionRow,
    PolicyRow,
    ProductItemRow,
    ProductRow,
    QuotaRow,
    RateRow,
    Rows,
    TargetRow,
    UpstreamRow,
)
from gateway_sync.snapshot import Cap, Version, decode, manifest_of
from tests.gateway_sync.builders import api_row, environment_row, policy_row, rows, text, version_row
from tests.gateway_sync.wild_rows import (
    patient,
    wild_rows,
)


def codes(compiled: Compiled) -> list[str]:
    return [problem.code for problem in compiled.problems]


def only_version(compiled: Compiled) -> Version:
    (api,) = compiled.snapshot.apis
    (version,) = api.versions
    return version


def test_a_sound_state_compiles_without_problems() -> None:
    compiled = compile_snapshot(rows(api_row(version_row("GET /accounts", "GET /accounts/{id}"))), {})
    assert compiled.problems == ()
    assert sorted(compiled.fragments) == ["api:api_1", "environment", "products"]
    assert [route.id for route in only_version(compiled).routes] == ["GET /accounts", "GET /accounts/{id}"]


def test_the_base_path_goes_between_only_for_targets_without_a_path() -> None:
    urls = ("http://127.0.0.1:1", "http://127.0.0.1:2/own/", "http://127.0.0.1:3/")
    targets = UpstreamRow(tuple(TargetRow(url) for url in urls))
    compiled = compile_snapshot(
        rows(api_row(replace(version_row("GET /a", base_path="/api/v2/"), upstream=targets))), {}
    )
    assert [target.base_path for target in only_version(compiled).targets] == ["/api/v2", "/own", "/api/v2"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://127.0.0.1", "upstream.E002"),
        ("127.0.0.1:80", "upstream.E002"),
        ("http://", "upstream.E002"),
        ("http://127.0.0.1:99999", "upstream.E002"),
        ("http://u:p@127.0.0.1", "upstream.E002"),
        ("http://127.0.0.1/?q", "upstream.E002"),
        ("http://[::1", "upstream.E002"),
        ("http://host name/", "upstream.E002"),
        ("http://127.0.0.1/a b", "upstream.E002"),
        ("http://127.0.0.1:8000", "upstream.E005"),
        ("http://169.254.169.254", "upstream.E005"),
        ("http://10.0.0.1", "upstream.E005"),
    ],
)
def test_an_upstream_that_cannot_be_used_is_told(url: str, code: str) -> None:
    compiled = compile_snapshot(rows(api_row(version_row("GET /a", upstream=url))), {})
    assert codes(compiled) == [code, "version.W005"]
    assert compiled.snapshot.apis == ()


def test_a_public_address_is_refused_where_public_networks_are() -> None:
    state = rows(api_row(version_row("GET /a", upstream="http://1.1.1.1")))
    assert codes(compile_snapshot(state, {})) == []
    closed = replace(state, environment=environment_row(allow_public_networks=False))
    assert "upstream.E005" in codes(compile_snapshot(closed, {}))


def test_weights_that_are_all_zero_and_a_time_out_of_zero_are_both_told() -> None:
    upstream = UpstreamRow((TargetRow("http://127.0.0.1:1", 0),), 0.0)
    compiled = compile_snapshot(rows(api_row(replace(version_row("GET /a"), upstream=upstream))), {})
    assert codes(compiled) == ["upstream.E003", "upstream.E004", "version.W005"]


@pytest.mark.parametrize("path", ["accounts", "/a b", "/a?b", "/a{", "/{a}/{a}", "/{*}/a", "/" + "a" * 1025])
def test_an_operation_that_cannot_be_routed_is_left_out_and_the_rest_is_served(path: str) -> None:
    compiled = compile_snapshot(rows(api_row(version_row("GET /good", f"GET {path}"))), {})
    assert codes(compiled) == ["operation.E001", "version.W004"]
    assert [route.id for route in only_version(compiled).routes] == ["GET /good"]


def test_operations_that_differ_only_in_parameter_names_become_one() -> None:
    compiled = compile_snapshot(rows(api_row(version_row("GET /a/{x}", "GET /a/{y}", "GET /a/me"))), {})
    assert codes(compiled) == ["operation.W001"]
    assert [route.id for route in only_version(compiled).routes] == ["GET /a/me", "GET /a/{x}"]


def test_a_pass_through_routes_everything_below_its_prefix() -> None:
    version = version_row(passthrough_methods=("POST", "GET"), passthrough_prefix="/soap/")
    compiled = compile_snapshot(rows(api_row(version)), {})
    assert [route.id for route in only_version(compiled).routes] == ["GET /soap/{*}", "POST /soap/{*}"]


def test_a_version_without_operations_is_served_with_a_warning() -> None:
    compiled = compile_snapshot(rows(api_row(version_row())), {})
    assert codes(compiled) == ["version.W001"]
    assert only_version(compiled).routes == ()


def test_a_broken_version_keeps_its_last_good_form_and_others_move_on() -> None:
    good = rows(api_row(version_row("GET /old")), api_row(version_row("GET /x", id="ver_2"), id="api_2", name="other"))
    first = compile_snapshot(good, {})
    broken = api_row(version_row("GET /new", upstream="nonsense", revision=2))
    other = api_row(version_row("GET /y", id="ver_2"), id="api_2", name="other")
    second = compile_snapshot(rows(broken, other), text(first))
    assert second.fragments["api:api_1"] == first.fragments["api:api_1"]
    assert [route.id for route in second.snapshot.apis[1].versions[0].routes] == ["GET /y"]
    assert codes(second) == ["upstream.E002", "version.W003"]
    assert {problem.where.id for problem in second.problems} == {"ver_1"}


def test_a_kept_version_still_follows_its_lifecycle_and_its_products() -> None:
    product = ProductRow("prd_1", "all", (ProductItemRow("ver_1"),))
    first = compile_snapshot(rows(api_row(version_row("GET /a")), products=(product,)), {})
    assert only_version(first).routes[0].products == ("prd_1",)
    broken = version_row("GET /a", upstream="nonsense", state="deprecated", deprecated_at=7)
    second = only_version(compile_snapshot(rows(api_row(broken)), text(first)))
    assert (second.state, second.deprecated_at, second.routes[0].products) == ("deprecated", 7, ())


def test_a_broken_api_never_brings_back_a_version_that_was_taken_out() -> None:
    first = compile_snapshot(rows(api_row(version_row("GET /a"), version_row("GET /b", id="ver_2", name="v2"))), {})
    second = compile_snapshot(rows(api_row(version_row("GET /a"), key_header="no header")), text(first))
    assert [version.id for version in second.snapshot.apis[0].versions] == ["ver_1"]
    assert second.snapshot.apis[0].key_header == "X-API-Key"
    assert codes(second) == ["api.E002"]


def test_a_retired_version_needs_nothing_else() -> None:
    version = only_version(compile_snapshot(rows(api_row(version_row(state="retired", upstream="nonsense"))), {}))
    assert (version.state, version.routes, version.targets) == ("retired", (), ())


def test_a_bad_policy_holds_its_version_back_rather_than_opening_it() -> None:
    compiled = compile_snapshot(rows(api_row(version_row("GET /a", policies=(policy_row("no-such"),)))), {})
    assert codes(compiled) == ["policy.E001", "version.W005"]
    assert compiled.snapshot.apis == ()


def compiled_policies(*policies: PolicyRow, **fields: object) -> Compiled:
    version = version_row("GET /a", "GET /b/{id}", policies=policies, **fields)
    return compile_snapshot(rows(api_row(version)), {})


def test_a_policy_for_operations_that_do_not_exist_is_told() -> None:
    compiled = compiled_policies(policy_row("size-limit", max=1, operations=["GET /a", "PUT /*"]))
    assert [problem.code for problem in compiled.problems] == ["policy.W001"]
    assert "PUT /*" in compiled.problems[0].message


def test_two_policies_of_one_kind_need_different_places_unless_the_kind_accumulates() -> None:
    same = [policy_row("query", remove=["a"]), policy_row("query", remove=["b"])]
    assert compiled_policies(*same).problems == ()
    places = [policy_row("mock"), policy_row("mock", operations=["GET /a"]), policy_row("mock", shadow=True)]
    assert "policy.E003" not in {problem.code for problem in compiled_policies(*places).problems}
    assert "policy.E003" in {problem.code for problem in compiled_policies(*places, places[1]).problems}


def test_a_policy_that_cannot_act_where_it_should_holds_the_version_back() -> None:
    compiled = compiled_policies(policy_row("path-rewrite", path="/x/{id}"))
    told = next(problem for problem in compiled.problems if problem.code == "policy.E007")
    assert "GET /a" in told.message
    assert compiled.snapshot.apis == ()
    narrowed = compiled_policies(policy_row("path-rewrite", path="/x/{id}", operations=["GET /b/{id}"]))
    assert narrowed.problems == ()


def test_a_policy_that_goes_by_the_document_needs_one() -> None:
    assert {problem.code for problem in compiled_policies(policy_row("mock")).problems} >= {"policy.E008"}


def test_a_snapshot_holds_of_a_contract_what_policies_need() -> None:
    operation = OperationContract(
        bodies=(("application/json", '{"$ref":"#/$defs/A"}'),), answers=(AnswerContract(200),)
    )
    contract = Contract((("GET /a", operation), ("GET /b/{id}", operation)), (("A", '{"type":"object"}'),))
    assert only_version(compiled_policies(contract=contract)).contract is None
    mocked = compiled_policies(policy_row("mock", operations=["GET /a"]), contract=contract)
    assert only_version(mocked).contract == Contract((("GET /a", OperationContract(answers=(AnswerContract(200),))),))
    checked = only_version(compiled_policies(policy_row("validate-request"), contract=contract)).contract
    assert checked is not None
    assert [len(part.answers) for _, part in checked.operations] == [0, 0]
    assert checked.definitions == contract.definitions


def test_a_schema_that_cannot_be_used_is_a_problem_and_no_exception() -> None:
    operation = OperationContract(bodies=(("application/json", '{"type":7}'),))
    compiled = compiled_policies(policy_row("validate-request"), contract=Contract((("GET /a", operation),)))
    assert "policy.E007" in {problem.code for problem in compiled.problems}


def test_policies_are_in_the_order_in_which_they_act() -> None:
    policies = (policy_row("size-limit", max="1MiB"), policy_row("cors", origins=["https://a.example"]))
    compiled = compile_snapshot(rows(api_row(version_row("GET /a", policies=policies))), {})
    assert [policy.kind for policy in only_version(compiled).policies] == ["cors", "size-limit"]


def test_products_that_name_an_operation_come_before_wildcards_and_whole_versions() -> None:
    products = (
        ProductRow("prd_1", "whole", (ProductItemRow("ver_1"),)),
        ProductRow("prd_2", "wildcard", (ProductItemRow("ver_1", ("* /accounts*",)),)),
        ProductRow("prd_3", "exact", (ProductItemRow("ver_1", ("GET /accounts/{id}",)),)),
        ProductRow("prd_4", "elsewhere", (ProductItemRow("ver_1", ("POST /accounts",)),)),
    )
    state = rows(api_row(version_row("GET /accounts/{id}", "GET /other", "POST /accounts")), products=products)
    routes = {route.id: (route.products, route.ranks) for route in only_version(compile_snapshot(state, {})).routes}
    assert routes == {
        "GET /accounts/{id}": (("prd_3", "prd_2", "prd_1"), (0, 1, 2)),
        "GET /other": (("prd_1",), (2,)),
        "POST /accounts": (("prd_4", "prd_2", "prd_1"), (0, 1, 2)),
    }


def test_a_pattern_that_opens_nothing_is_a_warning_and_one_that_cannot_be_read_opens_nothing() -> None:
    product = ProductRow("prd_1", "narrow", (ProductItemRow("ver_1", ("GET /none*", "nonsense")),))
    compiled = compile_snapshot(rows(api_row(version_row("GET /a")), products=(product,)), {})
    assert codes(compiled) == ["product.E001", "product.W001"]
    assert only_version(compiled).routes[0].products == ()


def test_a_plan_that_cannot_be_read_keeps_its_last_good_terms() -> None:
    plan = PlanVersionRow("plv_1", "starter", 1, RateRow(10, 1, 10), (QuotaRow(1000, "month"),))
    first = compile_snapshot(rows(plans=(plan,)), {})
    bad = replace(plan, rate=RateRow(0, 1, 1), quotas=(QuotaRow(1, "week"),), timezone="Nowhere/No")
    second = compile_snapshot(rows(plans=(bad,)), text(first))
    assert codes(second) == ["plan.E001", "plan.E002", "plan.E003"]
    assert second.snapshot.products == first.snapshot.products
    assert compile_snapshot(rows(plans=(bad,)), {}).snapshot.products.plans == ()


def test_a_plan_counts_units_and_bytes_beside_calls_and_says_which_it_cannot() -> None:
    quotas = (QuotaRow(9, "month"), QuotaRow(8, "month", unit="bytes"), QuotaRow(7, "month", unit="units"))
    plan = PlanVersionRow("plv_1", "starter", 1, None, quotas, weights={"POST /a*": 5}, is_sharing=True)
    compiled = compile_snapshot(rows(plans=(plan,)), {})
    (found,) = compiled.snapshot.products.plans
    assert [(quota.requests, quota.unit) for quota in found.quotas] == [(9, "calls"), (7, "units"), (8, "bytes")]
    assert (found.weights, found.is_sharing) == ({"POST /a*": 5}, True)
    bad = replace(plan, quotas=(QuotaRow(9, "day", unit="tons"),), weights={"POST": 5, "GET /": 0})
    assert codes(compile_snapshot(rows(plans=(bad,)), {})) == ["plan.E002", "plan.E006", "plan.E006"]


def test_a_plan_caps_meters_and_says_which_it_cannot() -> None:
    cap = CapRow("egress", 100, 10, "bytes", (("GET /*", 0),), (("status_class", "==", 2), ("method", "!=", "PUT")))
    plan = PlanVersionRow("plv_1", "starter", 1, None, (), caps=(cap, CapRow("calls", soft=5)))
    (found,) = compile_snapshot(rows(plans=(plan,)), {}).snapshot.products.plans
    assert found.caps == (Cap("calls", 0, 5), Cap("egress", 100, 10, "bytes", cap.weights, cap.where))
    for bad in (
        {"meter": 'a"b'}, {"hard": -1}, {"hard": 0, "soft": 0}, {"source": "tons"}, {"weights": (("GET", 1),)},
        {"weights": (("GET /*", -1),)}, {"where": (("status", "~", 2),)}, {"where": (("status", "==", "2"),)},
    ):  # fmt: skip
        wrong = replace(plan, caps=(replace(cap, **bad),))
        assert codes(compile_snapshot(rows(plans=(wrong,)), {})) == ["plan.E007"], bad
    assert codes(compile_snapshot(rows(plans=(replace(plan, caps=(cap, cap)),)), {})) == ["plan.E007"]


def test_a_broken_environment_keeps_its_last_good_form() -> None:
    first = compile_snapshot(rows(environment=environment_row(policies=(policy_row("size-limit", max="1MiB"),))), {})
    bad = rows(
        environment=environment_row(allowed_networks=("nonsense",), address_burst=0, policies=(policy_row("x"),))
    )
    second = compile_snapshot(bad, text(first))
    assert codes(second) == ["environment.E001", "environment.E002", "policy.E001"]
    assert second.snapshot.environment == first.snapshot.environment
    assert compile_snapshot(bad, {}).snapshot.environment.allowed_networks == ()


def test_a_successor_that_does_not_run_is_a_warning() -> None:
    compiled = compile_snapshot(rows(api_row(version_row("GET /a", state="deprecated", successor="v2"))), {})
    assert codes(compiled) == ["version.W002"]


@patient
@given(wild_rows, wild_rows)
def test_whatever_rows_say_the_compiler_answers_with_a_snapshot_that_decodes(before: Rows, after: Rows) -> None:
    first = compile_snapshot(before, {})
    second = compile_snapshot(after, text(first))
    assert decode(second.fragments) == second.snapshot
    again = compile_snapshot(after, text(first))
    assert manifest_of("default", 1, second.fragments).digest == manifest_of("default", 2, again.fragments).digest
    for version in (version for api in second.snapshot.apis for version in api.versions):
        assert version.id in {row.id for api_row_ in after.apis for row in api_row_.versions}


@patient
@given(wild_rows)
def test_the_order_of_rows_does_not_matter(state: Rows) -> None:
    turned = replace(state, apis=state.apis[::-1], products=state.products[::-1], plans=state.plans[::-1])
    if len({api.name for api in state.apis}) == len(state.apis):
        assert compile_snapshot(turned, {}) == compile_snapshot(state, {})
