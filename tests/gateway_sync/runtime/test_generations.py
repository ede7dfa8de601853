"""Old generations go, but not before workers that are slow to start have read them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from gateway_sync.runtime.generations import KEPT, MOST_KEPT, YOUNG_S, Generations, read_generation
from tests.wire.gateways import Home, make_snapshot, make_version

MANY = MOST_KEPT + 8


def save(home: Home, count: int) -> list[Path]:
    """So many generations, each of its own fragment, one right after the other."""
    generations = Generations(home.state / "snapshots")
    paths = []
    for number in range(count):
        manifest, fragments = home.sign(make_snapshot([make_version(1, timeout_ms=1000 + number)]))
        paths.append(generations.save(manifest, fragments))
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
