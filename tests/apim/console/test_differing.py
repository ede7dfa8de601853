"""Differences of publications in words: which setting of what, and what is folded."""

from __future__ import annotations

import pytest

from apim.console.differing import Line, told
from gateway_sync.delivery.differences import Change, Field
from gateway_sync.delivery.values import HIDDEN


def field(path: str, before: str, after: str) -> Field:
    parts = tuple(path.split("/"))
    return Field(".".join(parts), before, after, parts)


@pytest.mark.parametrize(
    ("change", "subject", "line"),
    [
        (
            Change("policy", "bank v1 size-limit", "changed", (field("max", "1000000", "2000000"),)),
            "bank v1: Size of a request's body",
            Line("Most", "1.0 MB", "2.0 MB"),
        ),
        (
            Change("plan", "silver 2", "changed", (field("quotas/calls per month/amount", "1000", "2000"),)),
            "silver, version 2",
            Line("Quota > Calls a month > Amount", "1000", "2000"),
        ),
        (
            Change("plan", "silver 2", "changed", (field("quotas/units per day/beyond", "bill", "block"),)),
            "silver, version 2",
            Line("Quota > Units a day > Above it", "billed", "refused"),
        ),
        (
            Change("version", "bank v1", "changed", (field("timeout_ms", "5000", "30000"),)),
            "bank v1",
            Line("Time-out of the service", "5 s", "30 s"),
        ),
        (
            Change("version", "bank v1", "changed", (field("upstream/retries/attempts", "", "2"),)),
            "bank v1",
            Line("Retries > Times", "", "2"),
        ),
        (
            Change("environment", "default", "changed", (field("allow_public_networks", "true", "false"),)),
            "default",
            Line("Upstreams may also have public addresses", "yes", "no"),
        ),
        (
            Change("policy", "bank v1 request-headers", "added", (field("set/Authorization", "", HIDDEN),)),
            "bank v1: Headers that the service gets",
            Line("Set > Authorization", "", HIDDEN, is_hidden=True),
        ),
    ],
    ids=["policy", "plan", "what is above a quota", "timeout", "upstream", "environment", "secret"],
)
def test_a_setting_is_called_as_its_form_calls_it(change: Change, subject: str, line: Line) -> None:
    (found,) = told([change])
    assert (found.subject, found.lines) == (subject, (line,))


def test_operations_that_come_together_are_one_line() -> None:
    changes = [Change("operation", f"bank v1 GET /{number}", "added") for number in range(12)]
    (found,) = told([*changes])
    assert (found.subject, found.names[:2]) == ("12 operations of bank v1", ("GET /0", "GET /1"))
    assert [each.subject for each in told(changes[:2])] == ["bank v1 GET /0", "bank v1 GET /1"]


def test_what_comes_with_an_api_is_told_by_its_operations() -> None:
    changes = [
        Change("api", "bank", "added"), Change("version", "bank v1", "added"),
        Change("policy", "bank v1 size-limit", "added"), Change("operation", "bank v1 GET /a", "added"),
        Change("operation", "cards v1 GET /b", "added"),
    ]  # fmt: skip
    api, other = told(changes)
    assert (api.subject, api.names) == ("bank", ("bank v1 GET /a",))
    assert other.subject == "cards v1 GET /b"


def test_the_number_of_a_revision_is_left_out_beside_what_it_brought() -> None:
    number, state = field("revision", "3", "4"), field("state", "published", "deprecated")
    (both,) = told([Change("version", "bank v1", "changed", (number, state))])
    assert [line.label for line in both.lines] == ["State"]
    (alone,) = told([Change("version", "bank v1", "changed", (number,))])
    assert [line.label for line in alone.lines] == ["Revision"]
