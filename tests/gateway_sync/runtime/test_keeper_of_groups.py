"""One revision of several groups: what a gateway serves when another group's state came to it (H25)."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_sync.runtime.keeper import Keeper
from gateway_sync.runtime.updates import Update
from gateway_sync.snapshot import digest as digest_of
from gateway_sync.snapshot import encode, manifest_of, signed_bytes
from tests.wire.gateways import Home, make_snapshot, make_version


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The keys of a control plane."""
    return Home(tmp_path)


def state_of_group(home: Home, timeout_ms: int, revision: int) -> Update:
    """What a group is sent at a revision: groups are told from each other by the timeout."""
    contents = encode(make_snapshot([make_version(9101, timeout_ms=timeout_ms)]))
    manifest = manifest_of("default", revision, contents)
    signature = base64.b64encode(home.signing_key.sign(signed_bytes(manifest))).decode()
    fragments = {digest_of(content): content.decode() for content in contents.values()}
    return Update("default", home.page(0, 0), replace(manifest, signature=signature), fragments)


def digest_in_force(keeper: Keeper) -> str:
    assert keeper.manifest is not None
    return keeper.manifest.digest


def test_another_groups_state_that_was_pushed_gives_way_to_the_own_one_that_is_pulled(home: Home) -> None:
    keeper = Keeper(home.state, home.credentials())
    keeper.take(state_of_group(home, 1000, revision=1), is_pushed=False)
    theirs, own = state_of_group(home, 2000, revision=2), state_of_group(home, 3000, revision=2)
    assert own.manifest is not None
    assert keeper.take(theirs, is_pushed=True).generation is not None  # signed, and new: nothing tells whose it is
    assert keeper.take(own, is_pushed=False).generation is not None
    assert digest_in_force(keeper) == own.manifest.digest
    assert digest_in_force(Keeper(home.state, home.credentials())) == own.manifest.digest
    assert keeper.take(theirs, is_pushed=True).generation is None
    assert digest_in_force(keeper) == own.manifest.digest
    assert keeper.problems == {}
