"""How large a state is, and how little travels when one route changes (C8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway_sync.compiler import Memory, compile_snapshot
from gateway_sync.delivery.push import AccessPage, Update, encode_update
from gateway_sync.rows import APIRow, ProductItemRow, ProductRow, Rows
from gateway_sync.snapshot import MAX_STATE_BYTES, Manifest, change_between, digest, manifest_of
from tests.gateway_sync.builders import api_row, policy_row, rows, version_row

KIB = 1024
DELTA_BYTES = 10 * KIB


def api_of(number: int, *more: str) -> APIRow:
    """One of many APIs: ten operations, a limit, a cap of its bodies, and a product that opens it."""
    operations = (f"{method} /things{number}/{{id}}/part-{part}" for method in ("GET", "POST") for part in range(5))
    policies = (policy_row("rate-limit", limit="100/s"), policy_row("size-limit", max="1MiB"))
    version = version_row(*operations, *more, id=f"ver_{number:06d}", policies=policies)
    return api_row(version, id=f"api_{number:06d}", name=f"api-{number}")


def state_of(apis: list[APIRow]) -> Rows:
    """The state with a product for each API."""
    products = tuple(ProductRow(f"prd_{row.id}", row.name, (ProductItemRow(row.versions[0].id, ()),)) for row in apis)
    return rows(*apis, products=products)


@pytest.mark.parametrize("size", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_whole_state_is_small_and_the_change_of_one_route_smaller(size: int) -> None:
    apis = [api_of(number) for number in range(size)]
    memory = Memory()
    before = compile_snapshot(state_of(apis), {}, memory)
    assert not before.problems
    assert sum(map(len, before.fragments.values())) <= MAX_STATE_BYTES * size // 10_000
    apis[size // 2] = api_of(size // 2, "GET /one-more")
    after = compile_snapshot(state_of(apis), {name: each.decode() for name, each in before.fragments.items()}, memory)
    first, second = (manifest_of("default", number, each.fragments) for number, each in ((1, before), (2, after)))
    assert len(encode_update(pushed(first, second, after.fragments))) <= DELTA_BYTES


def pushed(before: Manifest, after: Manifest, contents: dict[str, bytes]) -> Update:
    """What gateways are sent of a state that follows another one."""
    change = change_between(before.fragments, after.fragments)
    sent = {digest(contents[name]): contents[name].decode() for name in change.changed}
    page = AccessPage(0, 0)
    return Update("default", page, replace(after, fragments={}, signature="s" * 88), sent, before.digest, change)
