"""Loading a generation beside the index in force: equal to loading it alone, and only what differs is built (C1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway_sync.compiler import compile_snapshot
from gateway_sync.rows import APIRow, PolicyRow, ProductItemRow, ProductRow, Rows, TargetRow, UpstreamRow
from gateway_sync.runtime.core.index import Index
from gateway_sync.runtime.core.routing import Node
from gateway_sync.runtime.generations import GenerationInvalid, Generations
from gateway_sync.runtime.loading import load_index
from gateway_sync.runtime.upstream_states import UpstreamStates
from gateway_sync.snapshot import manifest_of
from tests.gateway_sync.builders import api_row, environment_row, rows, version_row

OTHER_TARGET = TargetRow("http://127.0.0.1:9102")
SIZE_LIMIT = PolicyRow("size-limit", {"max": "1KB"})


def api(number: int, **fields: Any) -> APIRow:
    version = version_row("GET /a", "POST /a/{id}", id=f"ver_{number}", **fields)
    targets = (*version.upstream.targets, OTHER_TARGET)
    return api_row(replace(version, upstream=UpstreamRow(targets)), id=f"api_{number}", name=f"bank{number}")


def products(*numbers: int) -> tuple[ProductRow, ...]:
    return (ProductRow("prd_1", "all", tuple(ProductItemRow(f"ver_{number}") for number in numbers)),)


BEFORE = rows(*map(api, range(4)), products=products(0, 1))
AFTER = {
    "nothing": BEFORE,
    "a policy": replace(BEFORE, apis=(*BEFORE.apis[:3], api(3, policies=(SIZE_LIMIT,)))),
    "fewer": replace(BEFORE, apis=BEFORE.apis[1:]),
    "more": replace(BEFORE, apis=(*BEFORE.apis, api(4))),
    "a name": replace(BEFORE, apis=(replace(BEFORE.apis[0], name="savings"), *BEFORE.apis[1:])),
    "a product": replace(BEFORE, products=products(1, 2)),
    "a state": replace(BEFORE, apis=(api(0, state="retired"), *BEFORE.apis[1:])),
    "the environment's rate": replace(BEFORE, environment=environment_row(address_rate_per_s=7)),
    "the environment's policies": replace(BEFORE, environment=environment_row(policies=(SIZE_LIMIT,))),
    "all": rows(api(7)),
}
BUILT = {
    "nothing": 0, "a policy": 1, "fewer": 0, "more": 1, "a name": 1, "a product": 2, "a state": 1,
    "the environment's rate": 0, "the environment's policies": 4, "all": 1,
}  # fmt: skip


class Disk:
    """The generations of a gateway."""

    def __init__(self, folder: Path) -> None:
        self.generations = Generations(folder)
        self.fragments = folder / "fragments"
        self.revision = 0

    def save(self, state: Rows) -> Path:
        self.revision += 1
        fragments = compile_snapshot(state, {}).fragments
        manifest = manifest_of("default", self.revision, fragments)
        return self.generations.save(manifest, {manifest.fragments[name]: c.decode() for name, c in fragments.items()})


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def load(path: Path, before: Index | None = None) -> Index:
    return next(index for index in load_index(path, before) if index is not None)


def seen(index: Index) -> dict[str, object]:
    """Everything that callers can notice of an index."""
    return {
        "environment": (index.environment, index.revision, index.digest, index.edge, sorted(index.plans)),
        "problems": index.problems,
        "exact": {path: sorted(methods) for path, methods in index.exact.items()},
        "routes": {prefix: sorted(_routes(root, ())) for prefix, root in index.roots.items()},
        "versions": {
            prefix: (entry.id, entry.state, entry.is_plain, entry.timeout_s, [each.address for each in entry.targets])
            for prefix, entry in index.versions.items()
        },
    }


def _routes(node: Node, path: tuple[bytes, ...]) -> Iterator[tuple[object, ...]]:
    for method, route in node.methods.items():
        yield path, method, route.id, route.products, route.rules.max_body_bytes, route.version.id
    for segment, child in node.concrete.items():
        yield from _routes(child, (*path, segment))
    if node.parameter is not None:
        yield from _routes(node.parameter, (*path, b"{}"))


@pytest.mark.parametrize("what", AFTER)
def test_it_equals_what_a_new_worker_would_load(disk: Disk, what: str) -> None:
    before = load(disk.save(BEFORE))
    known = seen(before)
    path = disk.save(AFTER[what])
    after = load(path, before)
    assert seen(after) == seen(load(path))
    assert seen(before) == known
    kept = {id(part) for part in before.parts.values()}
    assert sum(id(part) not in kept for part in after.parts.values()) == BUILT[what]


def test_one_that_goes_on_for_long_holds_nothing_of_states_that_are_gone(disk: Disk) -> None:
    index = load(disk.save(BEFORE))
    for state in AFTER.values():
        index = load(disk.save(state), index)
    assert seen(index) == seen(load(disk.save(AFTER["all"]))) | {"environment": seen(index)["environment"]}
    assert len(index.parts) == 1


def test_what_is_known_of_targets_stays_where_the_api_is_the_same(disk: Disk) -> None:
    states = UpstreamStates(2, lambda text: text.hex())
    before = load(disk.save(BEFORE))
    states.use(before, 0)
    pools = list(states.pools())
    for number, pool in enumerate(pools):
        pool.members[0].requests = number
    states.use(load(disk.save(AFTER["a policy"]), before), 0)
    assert [pool.members[0].requests for pool in states.pools()] == [0, 1, 2, 3]
    assert [pool in pools for pool in states.pools()] == [True, True, True, False]


def test_a_damaged_fragment_that_is_to_be_read_stops_it(disk: Disk) -> None:
    before = load(disk.save(BEFORE))
    path = disk.save(AFTER["a policy"])
    (new,) = load(path).parts.keys() - before.parts.keys()
    (disk.fragments / f"{new}.json").write_bytes(b"{}")
    with pytest.raises(GenerationInvalid):
        load(path, before)


def test_a_manifest_that_names_other_fragments_than_its_digest_stops_it(disk: Disk) -> None:
    path = disk.save(BEFORE)
    text = path.read_text()
    path.write_text(text.replace('"api:api_0"', '"api:api_9"'))
    with pytest.raises(GenerationInvalid, match="damaged or missing"):
        load(path)
