"""What a whole-state rollback brings back, and what it never does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_sync.compiler import compile_snapshot, held_back, hold
from gateway_sync.delivery.differences import compare
from gateway_sync.rows import CertificateRow, HostRow, IssuerRow, PlanVersionRow, PolicyRow, RateRow, Rows
from gateway_sync.snapshot import SnapshotInvalid, decode
from tests.gateway_sync.builders import api_row, environment_row, rows, version_row


def texts(of: Rows) -> dict[str, str]:
    return {name: content.decode() for name, content in compile_snapshot(of, {}).fragments.items()}


def plan(number: int) -> PlanVersionRow:
    return PlanVersionRow(f"plv_{number}", "silver", number, RateRow(number, 1, number), ())


EARLIER = texts(replace(rows(api_row(version_row("GET /a", "GET /b"))), plans=(plan(1),)))


def test_routes_and_settings_of_then_come_back() -> None:
    environment = environment_row(allow_public_networks=False)
    now = texts(replace(rows(api_row(version_row("GET /a"))), environment=environment, plans=(plan(1),)))
    held = hold(EARLIER, now, ())
    assert {name: content.decode() for name, content in held.items()} == EARLIER


def test_what_withdrew_trust_is_not_taken_back() -> None:
    before = environment_row(
        certificates=(CertificateRow("cert_1", "stolen", "", "chain", "sealed", ()),),
        hosts=(HostRow("host_1", "a.example.com"),),
        issuers=(IssuerRow("iss_1", "old", "https://old.example.com", '{"keys":[]}', is_for_all=True),),
    )
    versions = (version_row("GET /a"), version_row("GET /a", id="ver_2", name="v2"))
    held = decode(hold(texts(replace(rows(api_row(*versions)), environment=before)), texts(rows()), {"ver_2"}))
    assert [version.name for version in held.apis[0].versions] == ["v1"]
    assert held.edge.certificates == ()
    assert [host.name for host in held.edge.hosts] == ["a.example.com"]
    assert held.environment.issuers == ()


def test_an_api_whose_every_version_is_blocked_is_gone() -> None:
    assert decode(hold(EARLIER, texts(rows()), {"ver_1"})).apis == ()


def test_terms_that_subscriptions_of_now_may_name_stay() -> None:
    now = texts(replace(rows(), plans=(plan(2),)))
    assert [each.number for each in decode(hold(EARLIER, now, ())).products.plans] == [1, 2]


def test_a_state_that_lacks_a_part_or_has_another_shape_is_refused() -> None:
    for broken in ({**EARLIER, "products": "7"}, {name: EARLIER[name] for name in EARLIER if name != "environment"}):
        with pytest.raises(SnapshotInvalid):
            hold(broken, EARLIER, ())


def test_limits_go_on_being_shared_by_the_gateways_of_now() -> None:
    now = texts(replace(rows(), environment=environment_row(gateways=3)))
    assert decode(hold(EARLIER, now, ())).environment.gateways == 3


def test_each_version_that_is_held_back_is_told_of() -> None:
    wanted = texts(rows(api_row(version_row("GET /a", "GET /c"), version_row("GET /a", id="ver_2", name="v2"))))
    problems = held_back(wanted, EARLIER, 7)
    assert [(each.code, each.where.id) for each in problems] == [("version.W006", "ver_1"), ("version.W006", "ver_2")]
    assert held_back(EARLIER, EARLIER, 7) == ()


def test_differences_are_told_by_what_people_know() -> None:
    policies = (PolicyRow("size-limit", {"max": 10}),)
    environment = environment_row(hosts=(HostRow("host_1", "a.example.com"),))
    after = texts(
        replace(
            rows(api_row(version_row("GET /a", "GET /c", policies=policies))), environment=environment, plans=(plan(2),)
        )
    )
    told = [(change.kind, change.subject, change.action) for change in compare(EARLIER, after)]
    assert told == [
        ("host", "a.example.com", "added"),
        ("plan", "silver 1", "removed"),
        ("plan", "silver 2", "added"),
        ("policy", "bank v1 size-limit", "added"),
        ("operation", "bank v1 GET /b", "removed"),
        ("operation", "bank v1 GET /c", "added"),
    ]
    assert compare(after, after) == ()


def test_a_change_names_its_fields_before_and_after() -> None:
    after = texts(
        replace(rows(api_row(version_row("GET /a", "GET /b", upstream="http://127.0.0.1:9102"))), plans=(plan(1),))
    )
    (change,) = compare(EARLIER, after)
    (field,) = change.fields
    assert (change.kind, change.subject, change.action, field.name) == ("version", "bank v1", "changed", "targets")
    assert "9101" in field.before
    assert "9102" in field.after


def test_a_part_of_another_format_differs_without_words() -> None:
    assert [change.subject for change in compare({**EARLIER, "products": "7"}, EARLIER)] == ["products"]
