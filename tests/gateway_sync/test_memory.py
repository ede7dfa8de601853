"""Compiling with a memory of what was compiled before equals compiling anew, and makes only what differs (C1)."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_sync.compiler import Compiled, Memory, compile_snapshot
from gateway_sync.compiler.memory import is_same_value
from gateway_sync.rows import APIRow, CertificateRow, IssuerRow, PolicyRow, ProductItemRow, ProductRow, Rows
from tests.gateway_sync.builders import api_row, environment_row, policy_row, rows, text, version_row
from tests.gateway_sync.wild_rows import patient, wild_apis, wild_environments, wild_plans, wild_products

SOUND = rows(
    *(
        api_row(version_row("GET /a", "GET /b", id=f"ver_{n}"), id=f"api_{n}", name=f"bank{n}", organization_id="org_1")
        for n in range(4)
    ),
    products=(ProductRow("prd_1", "all", tuple(ProductItemRow(f"ver_{n}") for n in range(3))),),
)
TOKENS = api_row(
    version_row("GET /a", id="ver_9", policies=(policy_row("jwt", issuer="https://id.example"),)), id="api_9", name="t"
)


def remade(before: Rows, after: Rows) -> int:
    """How many APIs are made anew for after; that it equals a full compilation is held by the way."""
    memory = Memory()
    first = text(compile_snapshot(before, {}, memory))
    assert compile_snapshot(after, first, memory) == compile_snapshot(after, first)
    return memory.remade


def with_api(state: Rows, number: int, api: APIRow) -> Rows:
    return replace(state, apis=(*state.apis[:number], api, *state.apis[number + 1 :]))


edits = st.one_of(
    st.tuples(st.just("environment"), wild_environments),
    st.tuples(st.just("apis"), st.lists(wild_apis, max_size=2, unique_by=lambda api: api.id).map(tuple)),
    st.tuples(st.just("products"), st.lists(wild_products, max_size=2, unique_by=lambda row: row.id).map(tuple)),
    st.tuples(st.just("plans"), st.lists(wild_plans, max_size=2, unique_by=lambda row: row.id).map(tuple)),
    st.tuples(st.just("again"), st.just(())),
)


@settings(patient, max_examples=40)
@given(st.lists(edits, min_size=1, max_size=8))
def test_after_any_edits_it_equals_a_full_compilation(changes: list[tuple[str, object]]) -> None:
    memory, state, in_force = Memory(), SOUND, dict[str, str]()
    for field, value in changes:
        state = copy.deepcopy(state) if field == "again" else replace(state, **{field: value})  # type: ignore[arg-type]
        compiled: Compiled = compile_snapshot(state, in_force, memory)
        assert compiled == compile_snapshot(state, in_force)
        in_force = text(compiled)


def test_rows_that_were_read_again_and_are_equal_are_not_compiled_again() -> None:
    assert remade(SOUND, copy.deepcopy(SOUND)) == 0


def test_one_api_that_changed_is_all_that_is_compiled() -> None:
    assert remade(SOUND, with_api(SOUND, 2, replace(SOUND.apis[2], name="renamed"))) == 1


def test_an_api_that_went_away_and_came_back_is_compiled_again() -> None:
    memory = Memory()
    for state in (SOUND, replace(SOUND, apis=SOUND.apis[1:]), SOUND):
        assert compile_snapshot(state, {}, memory) == compile_snapshot(state, {})
    assert memory.remade == 1


def test_what_a_product_opens_makes_those_apis_alone_anew() -> None:
    wider = ProductRow("prd_2", "more", (ProductItemRow("ver_3", ("GET /a",)),))
    assert remade(SOUND, replace(SOUND, products=(*SOUND.products, wider))) == 1


@pytest.mark.parametrize(
    "change", [{"address_rate_per_s": 7}, {"gateways": 3}, {"portal_url": "https://a.example"}, {"address_burst": 9}]
)
def test_what_no_api_is_made_of_makes_none_anew(change: dict[str, object]) -> None:
    assert remade(SOUND, replace(SOUND, environment=environment_row(**change))) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"policies": (PolicyRow("size-limit", {"max": "1KB"}),)},
        {"allowed_networks": ("10.0.0.0/8",)},
        {"forbidden_addresses": ("127.0.0.1:9101",)},
        {"allow_unverified_upstreams": True},
        {"certificates": (CertificateRow("cert_1", "edge", "org_1", "chain", "key", ()),)},
    ],
)
def test_what_every_api_is_made_of_makes_all_anew(change: dict[str, object]) -> None:
    assert remade(SOUND, replace(SOUND, environment=environment_row(**change))) == len(SOUND.apis)


def test_keys_of_issuers_make_only_apis_that_read_tokens_anew() -> None:
    state = replace(SOUND, apis=(*SOUND.apis, TOKENS))
    issuer = IssuerRow("iss_1", "id", "https://id.example", is_for_all=True)
    assert remade(state, replace(state, environment=environment_row(issuers=(issuer,)))) == 1


def test_a_broken_api_is_looked_at_again_once_its_last_good_form_is_another() -> None:
    memory = Memory()
    broken = with_api(
        SOUND, 0, api_row(version_row("GET /a", id="ver_0", upstream="nowhere"), id="api_0", name="bank0")
    )
    other = with_api(SOUND, 0, api_row(version_row("GET /c", id="ver_0"), id="api_0", name="bank0"))
    in_force = [{}, text(compile_snapshot(SOUND, {})), text(compile_snapshot(other, {}))]
    for last_good in [*in_force, *in_force]:
        assert compile_snapshot(broken, last_good, memory) == compile_snapshot(broken, last_good)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ([1], [1, 1]), ((1,), [1]), ("1", 1)]
)
def test_values_that_compile_otherwise_are_not_the_same(one: object, other: object) -> None:
    assert not is_same_value(policy_row("x", of=one), policy_row("x", of=other))
    assert is_same_value(policy_row("x", of=one), policy_row("x", of=copy.deepcopy(one)))
