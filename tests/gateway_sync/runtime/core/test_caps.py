"""Caps of meters: the gateway counts what the meter bills, and admits no more of it. Promise R5."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.pricing.meters import DEFAULT_WHERE, SOURCES, MeterTerms, meter_quantity
from gateway_sync.runtime.core.caps import CapTerms, weight_in
from gateway_sync.runtime.core.limits import CELL_LENGTH, MOST_COUNTED, NS, charge_all
from gateway_sync.snapshot import Cap

NOW_NS = 1_767_268_800 * NS
OPERATIONS = ("GET /accounts", "POST /transfers", "DELETE /accounts/{id}", "M-SEARCH /p/{*}", "GET /p/{id}")
WHERES = (
    DEFAULT_WHERE, "status < 400", 'method == "POST"', 'operation != "GET /accounts" and status_class != 5',
    "status >= 0",
)  # fmt: skip
WEIGHTS = (
    {}, {"POST /transfers": 5}, {"* /acc*": 3, "GET /accounts": 2}, {"GET /*": 0, "* /*": 7},
    {"GET /p/{*}": 6, "* /p/{*}": 4},  # of a pass-through alone, not of /p/{id} beside it
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A call as a meter sees it when it has ended."""

    operation: str
    status: int
    request_bytes: int
    response_bytes: int
    calls: int = 1


calls = st.builds(
    Call,
    st.sampled_from(OPERATIONS),
    st.sampled_from([101, 200, 201, 304, 404, 429, 502]),
    st.integers(0, 40),
    st.integers(0, 40),
)
meters = st.builds(
    MeterTerms, st.just("call"), st.sampled_from(SOURCES), st.sampled_from(WHERES), st.sampled_from(WEIGHTS)
)


def cap_of(meter: MeterTerms, hard: int, soft: int = 0) -> Cap:
    """The cap that the control plane makes of a meter."""
    where = tuple((each.name, each.comparison, each.value) for each in meter.conditions)
    return Cap("m", hard, soft, meter.source, tuple(meter.weights.items()), where)


class Counter:
    """A cap's cell, and the calls that are under way."""

    def __init__(self, cap: Cap) -> None:
        self.cap, self.cell = cap, [0] * CELL_LENGTH
        self.under_way: list[tuple[CapTerms, Call]] = []

    @property
    def used(self) -> int:
        """What is counted in the billing period."""
        return self.cell[CELL_LENGTH - 1]

    def begin(self, call: Call) -> bool:
        """True when the call is admitted; its request says how long it is."""
        weight = weight_in(self.cap, call.operation)
        if not weight:
            return True
        terms = CapTerms(self.cap, weight, ("month", 0), is_lent=False)
        if charge_all((terms,), (self.cell,), NOW_NS, call.request_bytes)[0]:
            return False
        self.under_way.append((terms, call))
        return True

    def end(self) -> None:
        """The oldest call ends, as a gateway settles it."""
        terms, call = self.under_way.pop(0)
        if terms.is_settled:
            known = terms.owed(call.status, call.request_bytes, call.response_bytes)
            terms.settle_more(self.cell, NOW_NS, known - terms.owed(0, call.request_bytes, 0))


@given(meters, st.lists(calls, max_size=30))
def test_what_a_gateway_counts_is_what_the_meter_bills(meter: MeterTerms, made: list[Call]) -> None:
    counter = Counter(cap_of(meter, 10**9))
    for call in made:
        assert counter.begin(call)
    while counter.under_way:
        counter.end()
    assert counter.used == meter_quantity(meter, made)


@given(meters, st.integers(1, 200), st.lists(st.tuples(calls, st.booleans()), max_size=60))
def test_no_more_is_admitted_than_the_cap_and_of_bytes_what_is_under_way(
    meter: MeterTerms, hard: int, made: list[tuple[Call, bool]]
) -> None:
    counter, admitted, most_under_way = Counter(cap_of(meter, hard)), list[Call](), 0
    for call, has_ended in made:
        if counter.begin(call):
            admitted.append(call)
        most_under_way = max(most_under_way, len(counter.under_way))
        while has_ended and counter.under_way:
            counter.end()
    billed = meter_quantity(meter, admitted)
    heaviest = 7 * 40 if meter.source in {"bytes", "response-bytes"} else 0
    assert billed <= hard + most_under_way * heaviest


def test_calls_that_the_meter_does_not_count_are_given_back_and_pass() -> None:
    counter = Counter(cap_of(MeterTerms(weights={"POST /transfers": 5}), 10))
    failed, well = Call("POST /transfers", 502, 0, 0), Call("POST /transfers", 201, 0, 0)
    assert [counter.begin(each) for each in (failed, well, well)] == [True, True, False]
    counter.end()  # the one that failed
    assert [counter.begin(each) for each in (well, well)] == [True, False]
    assert counter.begin(Call("GET /accounts", 200, 0, 0)) is False, "each operation counts for one or more"


def test_operations_that_the_meter_does_not_count_are_not_stopped() -> None:
    counter = Counter(cap_of(MeterTerms(where='method == "POST"'), 1))
    assert [counter.begin(Call("POST /transfers", 200, 0, 0)) for _ in range(2)] == [True, False]
    assert counter.begin(Call("GET /accounts", 200, 0, 0))


@pytest.mark.parametrize(
    ("meter", "policy", "of"),
    [
        (MeterTerms(source="bytes"), b'"period-m";q=9;qu="content-bytes";w=2678400', "9 bytes of the meter m"),
        (MeterTerms(weights={"* /*": 2}), b'"period-m";q=9;qu="apim-units";w=2678400', "9 units of the meter m"),
        (MeterTerms(where='method == "GET"'), b'"period-m";q=9;w=2678400', "9 calls of the meter m"),
    ],
    ids=["bytes", "weights", "calls-of-some"],
)
def test_a_cap_is_told_by_the_name_of_its_meter(meter: MeterTerms, policy: bytes, of: str) -> None:
    terms = CapTerms(cap_of(meter, 9, 4), 2, ("month", 0), is_lent=False)
    code, _, lines = charge_all((terms,), ([0] * CELL_LENGTH,), NOW_NS, 4)
    assert (code, b"RateLimit-Policy: " + policy in lines) == ("", True)
    assert of in terms.fault
    assert "a plan with a higher cap" in terms.fault


def test_what_is_included_is_soft_and_says_so() -> None:
    terms, cell = (
        CapTerms(cap_of(MeterTerms(weights={"* /*": 2}), 0, 4), 2, ("month", 0), is_lent=False),
        [0] * CELL_LENGTH,
    )
    told = [charge_all((terms,), (cell,), NOW_NS)[2] for _ in range(3)]
    assert [b"apim-overage: true" in lines for lines in told] == [False, False, True]


def test_a_call_that_announces_what_nobody_sends_counts_as_a_cell_can_and_is_set_right() -> None:
    cap = cap_of(MeterTerms(source="request-bytes", weights={"* /*": 1_000_000}), 0, 4)
    terms, cell, announced = CapTerms(cap, 1_000_000, ("month", 0), is_lent=False), [0] * CELL_LENGTH, 10**18 - 1
    assert not charge_all((terms,), (cell,), NOW_NS, announced)[0]
    assert cell[-1] == MOST_COUNTED
    terms.settle_more(cell, NOW_NS, terms.owed(200, 5, 0) - terms.owed(0, announced, 0))
    assert cell[-1] == 5_000_000
