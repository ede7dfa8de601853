"""Poison at the gate: what would harm gateways is refused where it is compiled, and others move on (H26, C9)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway_sync.compiler import Compiled, compile_snapshot
from gateway_sync.policies import KINDS
from gateway_sync.policies.contracts import Contract, OperationContract
from gateway_sync.rows import OperationRow, VersionRow
from gateway_sync.runtime.core.index import Index, build_index
from tests.gateway_sync.builders import api_row, policy_row, rows, version_row

MILLION = 1_000_000
OTHER = api_row(version_row("GET /other", id="ver_2"), id="api_2", name="other")


def compiled(version: VersionRow, before: Compiled | None = None) -> Compiled:
    """A state of two APIs, the first of which has this version."""
    kept = {name: content.decode() for name, content in before.fragments.items()} if before else {}
    return compile_snapshot(rows(api_row(version), OTHER), kept)


def load(snapshot: Compiled) -> list[bytes]:
    """The versions that a worker would serve, by the code that workers load states with."""
    state = snapshot.snapshot
    index = Index(state.environment, state.products, 1, "digest", state.edge)
    for _ in build_index(index, state.apis):
        pass
    assert index.problems == []
    return sorted(index.versions)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_a_blank_policy_is_refused_or_harmless_and_never_opens_anything(kind: str | None) -> None:
    """Each kind with no settings at all, and a blank kind."""
    told = compiled(version_row("GET /a", policies=(policy_row(kind or ""),)))
    is_refused = any(".E" in problem.code for problem in told.problems)
    assert load(told) == ([b"/other/v1"] if is_refused else [b"/bank/v1", b"/other/v1"])
    if not is_refused:
        (version,) = next(api.versions for api in told.snapshot.apis if api.name == "bank")
        assert [policy.kind for policy in version.policies] == [kind]


def test_a_million_operations_are_refused_and_the_last_good_form_and_the_others_stay() -> None:
    good = compiled(version_row("GET /a"))
    told = compiled(replace(version_row(revision=2), operations=(OperationRow("GET", "/b/{c}"),) * MILLION), good)
    assert {problem.code for problem in told.problems} == {"version.E001", "version.W003"}
    assert told.fragments == good.fragments
    assert load(told) == [b"/bank/v1", b"/other/v1"]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*.*)*=", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_an_exploding_pattern_is_matched_in_one_pass_and_others_are_refused(pattern: str) -> None:
    """What explodes under backtracking is text of one pass here; what needs backtracking is held back."""
    for body, is_taken in (
        (pattern, True),
        (f"{pattern}\\1", False),
        (f"(?={pattern})", False),
        ("(a{999}){999}", False),
    ):
        told = compiled(
            version_row(
                "GET /a",
                policies=(policy_row("validate-request"),),
                contract=Contract((("GET /a", OperationContract(bodies=(("application/json", schema_of(body)),))),)),
            )
        )
        assert load(told) == ([b"/bank/v1", b"/other/v1"] if is_taken else [b"/other/v1"]), body


def schema_of(pattern: str) -> str:
    """A JSON Schema with a pattern."""
    return json.dumps({"type": "string", "pattern": pattern})
