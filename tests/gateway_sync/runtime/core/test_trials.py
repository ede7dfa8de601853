"""Who serves a state on trial is compared with others at the same time, and nothing else misleads. Promise R4."""

from __future__ import annotations

import pytest

from gateway_sync.runtime.core.trials import Fault, Kind, Side, find_fault, words_of

SHOP, BANK, TAXI = ("v1", "shop"), ("v1", "bank"), ("v1", "taxi")


def side(known: dict[Kind, tuple[int, int]], refused: int = 0) -> Side:
    """Shapes: known = calls and failures by kind; refused = strangers that v1 refused."""
    counted = Side()
    for kind, (calls, failed) in known.items():
        counted.count(kind, calls - failed, is_failed=False)
        counted.count(kind, failed, is_failed=True)
    if refused:
        counted.count_refused("v1", refused)
    return counted


@pytest.mark.parametrize(
    ("mine", "beside"),
    [
        (side({SHOP: (19, 19)}), side({SHOP: (500, 0)})),
        (side({SHOP: (500, 3)}), side({SHOP: (500, 0)})),
        (side({SHOP: (500, 250)}), side({SHOP: (500, 240)})),
        (side({SHOP: (500, 0), BANK: (500, 500)}), side({SHOP: (500, 0)})),
        (side({SHOP: (500, 0), BANK: (500, 500)}), side({SHOP: (500, 0), BANK: (10, 10)})),
        (side({SHOP: (100_000, 990)}), side({SHOP: (100_000, 10)})),
        (side({SHOP: (500, 0)}, refused=5000), side({SHOP: (500, 0)})),
        (side({SHOP: (500, 0)}, refused=100), side({SHOP: (500, 0)}, refused=90)),
        (side({SHOP: (100, 0)}, refused=300), side({SHOP: (500, 0)}, refused=1500)),
        (side({SHOP: (500, 100)}), side({})),
    ],
    ids=[
        "too-few-calls", "chance", "a-service-that-fails-for-all", "one-that-nobody-else-calls",
        "one-that-fails-for-all", "less-than-a-point", "strangers-who-come-here-on-purpose",
        "strangers-everywhere", "fewer-calls-here-and-strangers-everywhere", "nothing-to-compare-with",
    ],
)  # fmt: skip
def test_what_misleads_ends_no_trial(mine: Side, beside: Side) -> None:
    assert find_fault(mine, beside, 1.0) is None


@pytest.mark.parametrize(
    ("mine", "beside", "fault"),
    [
        (side({SHOP: (20, 20)}), side({SHOP: (10, 0)}), Fault("v1", 20, 20, 0)),
        (side({SHOP: (2000, 60)}), side({SHOP: (4000, 0)}), Fault("v1", 2000, 60, 0)),
        (side({SHOP: (9000, 390), BANK: (300, 3)}), side({SHOP: (9000, 90), BANK: (300, 3)}),
         Fault("v1", 9300, 393, 93)),
        (side({SHOP: (300, 30), BANK: (300, 30), TAXI: (2000, 0)}),
         side({SHOP: (300, 0), BANK: (300, 0), TAXI: (2000, 0)}), Fault("v1", 2600, 60, 0)),
        (side({}, refused=300), side({SHOP: (300, 0)}), Fault("v1", 300, 300, 0)),
        (side({SHOP: (100, 0)}, refused=200), side({SHOP: (300, 0)}, refused=10), Fault("v1", 300, 200, 10)),
    ],
    ids=[
        "all-of-few", "three-percent", "one-of-two-callers-who-calls-most", "two-of-three-callers-who-call-little",
        "nobody-is-known-any-more", "most-are-not-known-any-more",
    ],
)  # fmt: skip
def test_what_is_worse_than_beside_it_ends_a_trial(mine: Side, beside: Side, fault: Fault) -> None:
    assert find_fault(mine, beside, 1.0) == fault


def test_one_of_several_callers_who_fails_on_purpose_ends_no_trial() -> None:
    others = {("v1", f"app-{number}"): (50, 0) for number in range(30)}
    mine, beside = side({SHOP: (5000, 5000), **others}), side({SHOP: (700, 0), **others})
    assert find_fault(mine, beside, 1.0) is None
    mine = side({SHOP: (5000, 5000), BANK: (5000, 5000), **others})
    beside = side({SHOP: (300, 0), BANK: (300, 0), **others})
    assert find_fault(mine, beside, 1.0) is None, "two of thirty-two are fewer than a tenth"
    beside = side({SHOP: (900, 0), BANK: (900, 0), **others})
    assert find_fault(mine, beside, 1.0) is not None, "they make half of the calls beside it too"


def test_fault_of_one_version_that_all_its_callers_meet_is_found_beside_busier_ones() -> None:
    sound = {("v2", f"app-{number}"): (500, 0) for number in range(30)}
    mine, beside = side({SHOP: (40, 40), **sound}), side({SHOP: (40, 0), **sound})
    assert find_fault(mine, beside, 1.0) == Fault("v1", 40, 40, 0)


def test_small_faults_of_many_versions_are_seen_together() -> None:
    mine = side({(f"v{number}", f"app-{number % 4}"): (15, 3) for number in range(20)})
    beside = side({(f"v{number}", f"app-{number % 4}"): (15, 0) for number in range(20)})
    assert find_fault(mine, beside, 1.0) == Fault("", 300, 60, 0)


def test_calls_that_nobody_else_makes_cannot_be_compared() -> None:
    mine, beside = side({SHOP: (30, 0), BANK: (70, 70)}), side({SHOP: (10, 0), BANK: (9, 0)})
    assert find_fault(mine, beside, 1.0) is None


def test_fault_is_told_by_the_names_of_the_version() -> None:
    told = words_of(Fault("v1", 20, 19, 0.6), {"v1": ("bank", "v2")}, "the worker on trial", "the workers beside it")
    assert told == (
        "of 20 calls of bank v2 the worker on trial refused 19 or answered them with 5xx, where 1 were to be expected"
        " by the workers beside it"
    )
