"""A gateway's state with two plans: one whose calls are served though they cannot be recorded, and a strict one."""

from __future__ import annotations

from dataclasses import replace

from gateway_sync.snapshot import Plan, Snapshot
from tests.wire.gateways import KEY, GatewayProcess, Home, Record, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

STRICT_KEY = KEY.replace("k", "s")


def with_lenient_plan(upstream: RawUpstream) -> Snapshot:
    """A state with the plan of the tests, and one whose calls are served though they cannot be recorded."""
    plain = make_snapshot([make_version(upstream.port)])
    (plan,) = plain.products.plans
    lenient = Plan("pln_2", "free", 1, plan.rate, plan.quotas, plan.timezone, is_served_unrecorded=True)
    return replace(plain, products=replace(plain.products, plans=(plan, lenient)))


def records(home: Home) -> list[Record]:
    """A key of an application of the lenient plan, and one of an application of the strict one."""
    strict: list[Record] = [
        ("credential", home.hash_of(STRICT_KEY), {
            "id": "crd_2", "application": "app_2", "organization": "org_1", "product": "", "state": "active",
            "expires_at": 0,
        }),
        ("application", "app_2", {"organization": "org_1", "state": "active", "name": "till"}),
        ("subscription", "sub_2", {
            "organization": "org_1", "product": "prd_1", "plan": "pln_1", "lifecycle": "active", "payment": "none",
            "applications": ["app_2"], "created_at": 1, "ends_at": 0,
        }),
    ]  # fmt: skip
    return [*home.records(plan="pln_2"), *strict]


def answer(gateway: GatewayProcess, key: str) -> tuple[int, bytes]:
    """Status and head of one call."""
    with RawClient(gateway.port) as client:
        client.send(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n\r\n".encode())
        status, head, _ = client.read_answer()
    return status, head
