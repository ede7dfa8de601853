"""What an index holds is gone with it."""

from __future__ import annotations

import gc

from gateway_sync.runtime.core.index import Index, build_index
from gateway_sync.snapshot import Policy
from tests.wire.gateways import make_snapshot, make_version

POLICIES = (Policy("cors", {"origins": ["*"]}), Policy("request-headers", {"set": {"X-App": "{application.id}"}}))


def test_index_that_is_replaced_leaves_nothing_to_the_collector_of_circles() -> None:
    def build() -> Index:
        snapshot = make_snapshot([make_version(1, policies=POLICIES), make_version(2, id="ver_2", name="v2")])
        index = Index(snapshot.environment, snapshot.products, 1, "")
        for _ in build_index(index, snapshot.apis):
            pass
        assert index.versions
        return index

    def left() -> int:
        gc.collect()
        build()
        return gc.collect()

    build()  # what is cached for ever is there now
    gc.disable()
    try:
        # Of several: what other threads of this process leave meanwhile is none of it.
        assert min(left() for _ in range(5)) == 0
    finally:
        gc.enable()
