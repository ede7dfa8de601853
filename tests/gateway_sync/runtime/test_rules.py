"""Which policies hold for a route."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway_sync.policies.views import RequestView
from gateway_sync.problems import Problem
from gateway_sync.runtime.core.rules import RuleBook, Rules
from gateway_sync.runtime.core.steps import run_request
from gateway_sync.snapshot import API, Policy, Version
from tests.wire.gateways import make_environment, make_version

Written = Mapping[str, Mapping[str, Any]]


def book_of(*own: Written, shared: tuple[Written, ...] = ()) -> tuple[RuleBook, list[Problem], Version]:
    policies = [
        tuple(Policy(kind, settings) for each in part for kind, settings in each.items()) for part in (own, shared)
    ]
    version = make_version(1, policies=policies[0])
    environment = make_environment(policies=policies[1])
    problems: list[Problem] = []
    api = API("api_1", "bank", "org_1", "X-API-Key", (version,))
    return RuleBook(api, version, environment, problems), problems, version


def rules_for(route_id: str, *own: Written, shared: tuple[Written, ...] = ()) -> Rules:
    book, problems, version = book_of(*own, shared=shared)
    assert problems == []
    return book.rules_of(next(route for route in version.routes if route.id == route_id))


def path_after(rules: Rules, path: str) -> str:
    view = RequestView("GET", path, "", [])
    assert run_request(rules.steps, view, {}) == (None, len(rules.steps))
    return view.path


def rewrite(prefix: str, **common: object) -> Written:
    return {"path-rewrite": {"prefix": prefix, **common}}


def test_the_narrowest_policy_of_a_kind_wins() -> None:
    shared = (rewrite("/environment"),)
    whole, wild, exact = (
        rewrite("/version"),
        rewrite("/wildcard", operations=["GET /users*"]),
        rewrite("/exact", operations=["GET /users/me"]),
    )
    assert path_after(rules_for("GET /users/me", whole, wild, exact, shared=shared), "/users/me") == "/exact/users/me"
    assert (
        path_after(rules_for("GET /users/{id}", whole, exact, wild, shared=shared), "/users/1") == "/wildcard/users/1"
    )
    assert path_after(rules_for("GET /accounts", wild, exact, whole, shared=shared), "/accounts") == "/version/accounts"
    assert path_after(rules_for("GET /accounts", wild, exact, shared=shared), "/accounts") == "/environment/accounts"


def test_a_shadow_takes_no_policys_place() -> None:
    rules = rules_for("GET /accounts", rewrite("/real"), rewrite("/tried", shadow=True, operations=["GET /accounts"]))
    assert path_after(rules, "/accounts") == "/real/accounts"
    assert [step.is_shadow for step in rules.steps] == [False, True]


def test_accumulating_policies_act_from_the_widest_to_the_narrowest() -> None:
    def mark(value: str, **common: object) -> Written:
        return {"request-headers": {"set": {"X-Mark": value}, **common}}

    rules = rules_for(
        "GET /accounts", mark("exact", operations=["GET /accounts"]), mark("version"), shared=(mark("environment"),)
    )
    view = RequestView("GET", "/accounts", "", [])
    run_request(rules.steps, view, {})
    assert (len(rules.steps), view.fields.values("X-Mark")) == (3, ["exact"])


def test_limits_of_all_scopes_hold_where_they_are_for() -> None:
    sizes = [{"size-limit": {"max": 9}}, {"size-limit": {"max": 5, "operations": ["POST *"]}}]
    shared = ({"rate-limit": {"limit": "5/s"}},)
    own = (*sizes, {"rate-limit": {"limit": "1/s", "operations": ["POST /accounts"]}})
    assert rules_for("POST /accounts", *own, shared=shared).max_body_bytes == 5
    assert rules_for("GET /accounts", *own, shared=shared).max_body_bytes == 9
    assert [rate.name for rate in rules_for("POST /accounts", *own, shared=shared).rates] == ["ver_1:0", "ver_1:1"]
    assert [rate.name for rate in rules_for("GET /accounts", *own, shared=shared).rates] == ["ver_1:0"]


def test_routes_with_the_same_policies_share_their_rules() -> None:
    book, _, version = book_of({"size-limit": {"max": 5}}, {"key-auth": {"anonymous": True, "operations": ["POST *"]}})
    rules = {route.id: book.rules_of(route) for route in version.routes}
    assert rules["GET /accounts"] is rules["GET /users/me"]
    assert rules["POST /accounts"] is not rules["GET /accounts"]
    assert not rules["GET /accounts"].is_stepped


def test_a_policy_that_no_gateway_knows_closes_the_version() -> None:
    book, problems, _ = book_of({"teleport": {}})
    assert (book.is_usable, [problem.code for problem in problems]) == (False, ["policy.E001"])


def test_a_route_that_a_policy_cannot_act_on_is_closed_and_others_are_not() -> None:
    book, problems, version = book_of(shared=({"path-rewrite": {"path": "/x/{id}"}},))
    by_id = {route.id: book.rules_of(route) for route in version.routes}
    outcome, _ = run_request(by_id["GET /accounts"].steps, RequestView("GET", "/accounts", "", []), {})
    assert outcome is not None
    assert outcome.status == 503
    assert path_after(by_id["GET /users/{id}"], "/users/7") == "/x/7"
    assert {problem.code for problem in problems} == {"policy.E007"}


def test_keys_are_looked_for_in_the_fields_of_every_policy() -> None:
    book, _, version = book_of({"key-auth": {"header": "X-Own", "operations": ["POST *"]}})
    assert book.key_fields == {b"x-own", b"x-api-key"}
    other = replace(version, policies=())
    assert RuleBook(API("a", "b", "o", "apikey", (other,)), other, make_environment(), []).key_fields == {b"apikey"}
