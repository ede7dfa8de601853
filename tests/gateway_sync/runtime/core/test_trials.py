"""A worker on trial is compared with what others do at the same time, and nothing else misleads. Promise R4."""

from __future__ import annotations

import pytest

from gateway_sync.runtime.core.trials import Fault, Kind, Side, Tally, find_fault, words_of

SHOP, BANK = ("v1", "shop"), ("v1", "bank")
NEVER = Tally()


def side(known: dict[Kind, tuple[int, int]], refused: int = 0) -> Side:
    """Shapes: known = calls and failures by kind; refused = strangers that were refused."""
    counted = Side()
    for kind, (calls, failed) in known.items():
        counted.count(kind, calls - failed, is_failed=False)
        counted.count(kind, failed, is_failed=True)
    counted.count_refused(refused)
    return counted


@pytest.mark.parametrize(
    ("mine", "beside", "before"),
    [
        (side({SHOP: (19, 19)}), side({SHOP: (500, 0)}), NEVER),
        (side({SHOP: (500, 3)}), side({SHOP: (500, 0)}), NEVER),
        (side({SHOP: (500, 250)}), side({SHOP: (500, 240)}), NEVER),
        (side({SHOP: (500, 0), BANK: (500, 500)}), side({SHOP: (500, 0)}), NEVER),
        (side({SHOP: (500, 0), BANK: (500, 500)}), side({SHOP: (500, 0), BANK: (10, 10)}), NEVER),
        (side({SHOP: (100_000, 990)}), side({SHOP: (100_000, 10)}), NEVER),
        (side({SHOP: (500, 0)}, refused=100), side({SHOP: (500, 0)}), Tally(1000, 200)),
        (side({SHOP: (500, 0)}, refused=100), side({SHOP: (500, 0)}, refused=90), NEVER),
        (side({SHOP: (500, 100)}), side({}), NEVER),
    ],
    ids=[
        "too-few-calls", "chance", "a-service-that-fails-for-all", "one-that-nobody-else-calls",
        "one-that-fails-for-all", "less-than-a-point", "a-stranger-who-was-refused-here-before",
        "strangers-everywhere", "nothing-to-compare-with",
    ],
)  # fmt: skip
def test_what_misleads_ends_no_trial(mine: Side, beside: Side, before: Tally) -> None:
    assert find_fault(mine, beside, before) is None


@pytest.mark.parametrize(
    ("mine", "beside", "fault"),
    [
        (side({SHOP: (20, 20)}), side({SHOP: (10, 0)}), Fault("v1", 20, 20, 0)),
        (side({SHOP: (2000, 60)}), side({SHOP: (4000, 0)}), Fault("v1", 2000, 60, 0)),
        (side({SHOP: (300, 300), BANK: (9000, 90)}), side({SHOP: (300, 3), BANK: (9000, 90)}),
         Fault("v1", 9300, 390, 93)),
        (side({}, refused=300), side({SHOP: (300, 0)}), Fault("", 300, 300, 0)),
    ],
    ids=["all-of-few", "three-percent", "one-of-two-callers", "nobody-is-known-any-more"],
)  # fmt: skip
def test_what_is_worse_than_beside_it_ends_a_trial(mine: Side, beside: Side, fault: Fault) -> None:
    assert find_fault(mine, beside, NEVER) == fault


def test_small_faults_of_many_versions_are_seen_together() -> None:
    mine = side({(f"v{number}", "shop"): (15, 3) for number in range(20)})
    beside = side({(f"v{number}", "shop"): (15, 0) for number in range(20)})
    assert find_fault(mine, beside, NEVER) == Fault("", 300, 60, 0)


def test_fault_is_told_by_the_names_of_the_version() -> None:
    assert words_of(Fault("v1", 20, 19, 0.6), {"v1": ("bank", "v2")}) == (
        "of 20 calls of bank v2 the worker on trial refused 19 or answered them with 5xx, where 1 were to be expected"
        " by the workers beside it"
    )
