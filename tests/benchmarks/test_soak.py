"""The soak holds on a small scale (R6), and its tally notices each kind of wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apim.up.options import ROOT
from benchmarks.soak import heard
from benchmarks.soak_tally import Call, Outcome, Tally
from benchmarks.state import Size, make_state
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY, UsageBody, UsageContext, UsageEvent, encode_body

BOOT = "b" * 32
CONTEXT = UsageContext("ver_1", "GET /a", "org_1", "app_1", "crd_1", "sub_1", "pln_1")


def make_event(seq: int, **changes: object) -> UsageEvent:
    plain: dict[str, object] = {
        "seq": seq, "number": seq, "request_id": f"{BOOT[:16]}-{seq:08x}", "client_request_id": f"soak-{seq}",
        "at_us": 1, "context": CONTEXT, "path": "/a", "status": 200, "code": "", "is_indeterminate": False,
        "duration_us": 1, "upstream_us": 1, "request_bytes": 0, "response_bytes": 9,
    }  # fmt: skip
    return UsageEvent(**(plain | changes))  # type: ignore[arg-type]


def answer(seq: int = 1, status: int = 200) -> Outcome:
    return Outcome(status, f"{BOOT[:16]}-{seq:08x}", 9)


@pytest.fixture
def tally() -> Tally:
    """Two calls were asked."""
    tally = Tally()
    for number in (1, 2):
        tally.asked(Call(f"soak-{number}", "/a"))
    return tally


@pytest.mark.parametrize("is_record_first", [True, False])
def test_calls_that_are_counted_once_leave_nothing(tally: Tally, is_record_first: bool) -> None:
    steps: list[Callable[[], None]] = [
        lambda: tally.noted(BOOT, [make_event(1), make_event(2)]),
        lambda: tally.ended("soak-1", answer(1)),
        lambda: tally.ended("soak-2", answer(2)),
    ]
    for step in steps if is_record_first else reversed(steps):
        step()
    assert tally.waiting() == 0
    tally.noted(BOOT, [make_event(1), make_event(2)])  # delivered again
    tally.conclude()
    assert tally.faults == []


def test_broken_calls_may_be_counted_or_not(tally: Tally) -> None:
    tally.killed(BOOT)
    tally.ended("soak-1", Outcome(0))
    tally.ended("soak-2", Outcome(0))
    tally.noted(BOOT, [make_event(1, is_indeterminate=True, status=0)])
    tally.conclude()
    assert tally.faults == []


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([], "not counted"),
        ([make_event(1, status=500)], "not as the answer"),
        ([make_event(1, response_bytes=8)], "not as the answer"),
        ([make_event(1, path="/b")], "not as the answer"),
        ([make_event(1, is_indeterminate=True)], "not as the answer"),
        ([make_event(1), make_event(2, client_request_id="soak-1")], "of no call, or its second"),
        ([make_event(1), make_event(2, client_request_id="soak-9")], "of no call, or its second"),
        ([make_event(2, client_request_id="soak-1")], "came after"),
    ],
    ids=["lost", "status", "bytes", "path", "indeterminate", "twice", "of nobody", "gap"],
)
def test_whatever_is_not_counted_exactly_is_a_fault(tally: Tally, events: list[UsageEvent], told: str) -> None:
    tally.ended("soak-1", answer())
    tally.ended("soak-2", Outcome(0))
    tally.noted(BOOT, events)
    tally.conclude()
    assert told in tally.faults[0]


def test_tally_hears_of_who_waits_for_the_gateway_to_answer(tally: Tally) -> None:
    offer = heard(make_state(Size(1, 1), 1), tally)
    for seq, request_id in ((1, b""), (2, b"soak-1")):  # the first of them is of the probe, and shipped alone
        record = FINAL_BODY.pack(seq, seq, 200, 0, 1, 1, 0, 9) + ADMIT_HEAD.pack(seq, 1, 1, len(request_id))
        body = UsageBody(BOOT, 0, seq, seq, [""], {1: CONTEXT}, [record + request_id + b"/a"])
        assert tally.has_heard_of(BOOT) is (seq > 1)
        offer.take_usage(encode_body(body))
    assert tally.has_heard_of(BOOT)
    tally.ended("soak-1", answer(2))
    tally.ended("soak-2", Outcome(0))
    tally.conclude()
    assert tally.faults == []


def test_indeterminate_record_of_a_worker_that_lives_is_a_fault(tally: Tally) -> None:
    tally.ended("soak-1", Outcome(0))
    tally.noted(BOOT, [make_event(1, is_indeterminate=True, status=0)])
    assert "was not killed" in tally.faults[0]


def test_call_without_an_end_is_a_fault(tally: Tally) -> None:
    tally.conclude()
    assert tally.counts["faults"] == 2


@pytest.mark.fault
def test_short_soak_finds_no_wrong_answer_no_leak_and_exact_counts(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--soak", "--short", "--minutes", "0.15"],
        cwd=ROOT, env={**os.environ, "APIM_HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "'200'" in ended.stdout
