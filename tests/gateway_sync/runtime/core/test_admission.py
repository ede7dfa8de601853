"""By which terms a caller is admitted while a plan's new ones are not here yet.

Promise R3.
"""

from __future__ import annotations

from dataclasses import replace

from gateway_sync.runtime.access_file import encode_records
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.runtime.core.limits import NS
from gateway_sync.runtime.core.request_head import read_request_head
from gateway_sync.snapshot import Plan, Rate
from tests.wire.gateways import KEY, make_snapshot, make_version

NOW_S = 1_790_000_000


def index_of(*plans: Plan) -> Index:
    """Of one version and these plans."""
    snapshot = make_snapshot([make_version(9)])
    index = Index(snapshot.environment, replace(snapshot.products, plans=plans), 1, "")
    for _ in build_index(index, snapshot.apis):
        pass
    return index


def terms(version: int, *, rate: int, name: str = "starter") -> Plan:
    return Plan(f"plv_{name}_{version}", name, version, Rate(rate, 1, rate), (), "UTC")


def table_of(plan: str, **more: object) -> AccessTable:
    """One key, whose application is subscribed under this version of a plan."""
    table = AccessTable(None)
    table.apply(encode_records([
        ("credential", KEY, {
            "id": "crd_1", "application": "app_1", "organization": "org_1", "product": "", "state": "active",
            "expires_at": 0,
        }),
        ("application", "app_1", {"organization": "org_1", "state": "active", "name": "shop"}),
        ("organization", "org_1", {"state": "active"}),
        ("subscription", "sub_1", {
            "organization": "org_1", "product": "prd_1", "plan": plan, "lifecycle": "active", "payment": "none",
            "applications": ["app_1"], "created_at": 10, "ends_at": 0, **more,
        }),
    ]), 1)  # fmt: skip
    return table


def gate_of(index: Index, table: AccessTable) -> Gate:
    return Gate(index, table, lambda key: key.decode(), b"gw")


def granted_to(gate: Gate) -> int:
    """The burst that the caller is granted; 0 for one who is refused."""
    lines = [b"GET /bank/v1/accounts HTTP/1.1", b"Host: a", b"X-API-Key: " + KEY.encode()]
    admission = gate.admit(read_request_head(lines, gate.index.fields), "192.0.2.1", NOW_S * NS)
    if admission.refusal is not None:
        assert admission.refusal.code == "overloaded"
        return 0
    assert admission.grant is not None
    ((_, charged),) = admission.grant.charges
    return int(charged.burst)


def test_new_terms_that_are_not_here_yet_leave_a_caller_the_last_ones() -> None:
    gate = gate_of(index_of(terms(1, rate=10), terms(2, rate=20)), table_of("plv_starter_1"))
    assert granted_to(gate) == 10
    gate.use_records(table_of("plv_starter_3", plan_name="starter"))
    assert granted_to(gate) == 10
    gate.use(index_of(terms(3, rate=30)))
    assert granted_to(gate) == 30


def test_who_has_just_started_goes_by_the_newest_terms_of_the_plan_that_are_here() -> None:
    others = terms(9, rate=90, name="others")
    gate = gate_of(
        index_of(terms(2, rate=20), terms(1, rate=10), others), table_of("plv_starter_3", plan_name="starter")
    )
    assert granted_to(gate) == 20


def test_without_any_terms_of_the_plan_nothing_is_admitted() -> None:
    others = index_of(terms(9, rate=90, name="others"))
    assert granted_to(gate_of(others, table_of("plv_starter_3", plan_name="starter"))) == 0
    assert granted_to(gate_of(others, table_of("plv_starter_1"))) == 0
