"""Each case compiles to the snapshot that was reviewed."""

from __future__ import annotations

import json

import msgspec
import pytest

from gateway_sync.compiler import Compiled
from gateway_sync.snapshot import decode, manifest_of
from tests.golden.cases import Case, all_cases


def shown(compiled: Compiled) -> str:
    content = {
        "digest": manifest_of("default", 1, compiled.fragments).digest,
        "fragments": {name: json.loads(fragment) for name, fragment in compiled.fragments.items()},
        "problems": msgspec.to_builtins(compiled.problems),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_the_case_compiles_to_the_reviewed_snapshot(case: Case, request: pytest.FixtureRequest) -> None:
    golden = case.folder / "snapshot.json"
    compiled = case.compile()
    if request.config.getoption("--rewrite-golden", default=False):
        golden.write_text(shown(compiled))
    assert golden.read_text() == shown(compiled)
    assert decode(compiled.fragments) == compiled.snapshot
