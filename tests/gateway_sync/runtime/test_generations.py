"""Old generations go, but not before workers that are slow to start have read them."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_sync.runtime import generations
from gateway_sync.runtime.generations import (
    KEPT,
    MOST_KEPT,
    YOUNG_S,
    GenerationInvalid,
    Generations,
    check_fragments,
    check_manifest,
    read_generation,
)
from gateway_sync.snapshot import common_format, digest, whole_digest
from tests.wire.gateways import Home, make_snapshot, make_version

MANY = MOST_KEPT + 8


def save(home: Home, count: int) -> list[Path]:
    """So many generations, each of its own fragment, one right after the other."""
    folder = Generations(home.state / "snapshots")
    paths = []
    for number in range(count):
        manifest, fragments = home.sign(make_snapshot([make_version(1, timeout_ms=1000 + number)]))
        paths.append(folder.save(manifest, fragments))
    return paths


def test_young_generations_can_still_be_read_and_are_bounded(tmp_path: Path) -> None:
    paths = save(Home(tmp_path), MANY)
    for path in paths[-MOST_KEPT:]:
        read_generation(path)
    assert [path.exists() for path in paths] == [False] * (MANY - MOST_KEPT) + [True] * MOST_KEPT


def test_of_old_generations_three_are_kept_with_their_fragments(tmp_path: Path) -> None:
    home = Home(tmp_path)
    paths = save(home, MANY)
    long_ago = time.time() - YOUNG_S - 1
    for path in paths[-MOST_KEPT:]:
        os.utime(path, (long_ago, long_ago))
    paths += save(home, 1)
    kept = [path for path in paths if path.exists()]
    assert kept == paths[-KEPT:]
    fragments = {digest for path in kept for digest in read_generation(path)[0].fragments.values()}
    assert {path.stem for path in (home.state / "snapshots" / "fragments").iterdir()} == fragments


def test_a_state_is_read_in_each_format_that_is_spoken_and_its_digest_is_of_that_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    manifest, _ = home.sign(make_snapshot([make_version(1)]))
    contents = dict.fromkeys(manifest.fragments, b"{}")
    digests = {name: digest(content) for name, content in contents.items()}
    other = replace(manifest, format=2, fragments=digests, digest=whole_digest(manifest.environment, digests, 2))
    with pytest.raises(GenerationInvalid, match="format 2"):
        check_manifest(other, lambda _: True, manifest.environment)
    monkeypatch.setattr(generations, "READS", (2, 1))
    check_manifest(other, lambda _: True, manifest.environment)
    check_fragments(other, contents)
    with pytest.raises(GenerationInvalid):
        check_fragments(replace(other, format=1), contents)


def test_of_the_formats_that_a_gateway_reads_the_newest_that_can_be_sent_is_chosen() -> None:
    assert [common_format(reads) for reads in ([1], [2, 1], [1, 9], [2], [])] == [1, 1, 1, 0, 0]
