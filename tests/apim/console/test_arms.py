"""The arms of a canary side by side: shares, what failed since the page was opened, and the way back."""

from __future__ import annotations

from apim.console.arms import aborted, arm_rows, stable_arm
from apim.console.targets import ArmView

WEIGHTS = {"stable": 95, "canary": 5}


def test_shares_are_of_all_weights() -> None:
    rows, _since = arm_rows(WEIGHTS, [], "")
    assert [row.share_percent for row in rows] == [95, 5]
    assert [row.seen for row in rows] == [None, None]


def test_what_came_since_the_page_was_opened_is_counted_apart() -> None:
    _rows, since = arm_rows(WEIGHTS, [ArmView("stable", 100, 1), ArmView("canary", 10, 5)], "")
    rows, again = arm_rows(WEIGHTS, [ArmView("stable", 195, 2), ArmView("canary", 15, 6)], since)
    assert again == since
    assert [(row.fresh_calls, row.fresh_failures) for row in rows] == [(95, 1), (5, 1)]
    assert rows[1].fresh_percent == 20


def test_a_worker_that_starts_anew_counts_from_nothing() -> None:
    rows, _since = arm_rows(WEIGHTS, [ArmView("stable", 3, 0)], "stable.100.1 canary.10.5")
    assert [(row.fresh_calls, row.fresh_failures) for row in rows] == [(3, 0), (0, 0)]


def test_counts_that_nobody_wrote_are_left_out() -> None:
    rows, since = arm_rows(WEIGHTS, [ArmView("stable", 3, 0)], "<script> stable..1 " + "9" * 5000)
    assert (rows[0].fresh_calls, since) == (0, "stable.3.0")


def test_an_abort_goes_back_to_the_heaviest_arm_of_the_revision() -> None:
    assert stable_arm(WEIGHTS) == "stable"
    assert aborted({"stable": 0, "canary": 100}, WEIGHTS) == {"stable": 100, "canary": 0}
