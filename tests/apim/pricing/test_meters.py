"""What of the traffic counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from apim.pricing.meters import MeterTerms, meter_quantity, parse_meter


class Row(NamedTuple):
    operation: str
    status: int
    calls: int
    request_bytes: int = 0
    response_bytes: int = 0


ROWS = (
    Row("GET /accounts", 200, 100, 1_000, 50_000),
    Row("GET /accounts/{id}", 404, 10, 100, 900),
    Row("POST /transfers", 201, 7, 700, 70),
    Row("POST /transfers", 500, 3, 300, 30),
    Row("GET /accounts", 0, 4, 40, 0),
)


@pytest.mark.parametrize(
    ("spec", "quantity"),
    [
        ({}, 107),  # 2xx unless said
        ({"where": "status < 400"}, 107),  # not the calls whose worker died
        ({"where": "status < 500"}, 117),
        ({"where": "status_class == 2xx"}, 107),
        ({"where": "status_class != 5"}, 117),
        ({"where": 'status >= 200 and status < 300 and method == "POST"'}, 7),
        ({"where": 'operation == "GET /accounts"'}, 100),
        ({"where": "status < 400", "weights": {"POST /transfers": 5}}, 135),
        ({"where": "status < 600", "weights": {"GET *": 0, "*": 1}}, None),
        ({"where": "status < 600", "weights": {"GET /*": 0}}, 10),
        ({"where": "status < 600", "weights": {"GET /*": 2, "GET /accounts/{id}": 9}}, 300),
        ({"source": "bytes"}, 51_770),
        ({"source": "request-bytes", "where": "status < 600"}, 2_100),
        ({"source": "response-bytes"}, 50_070),
    ],
)
def test_a_meter_sums_what_its_filter_lets_through(spec: dict[str, Any], quantity: int | None) -> None:
    meter, faults = parse_meter(spec)
    if quantity is None:
        assert faults
        return
    assert meter is not None, faults
    assert meter_quantity(meter, ROWS) == Decimal(quantity)
    assert meter_quantity(meter, ROWS[:2]) + meter_quantity(meter, ROWS[2:]) == quantity  # hours add up to the period


def test_a_meter_written_and_read_again_is_the_same() -> None:
    meter, _ = parse_meter({"unit": "byte", "source": "bytes", "where": "status < 400", "weights": {"GET /x": 2}})
    assert meter is not None
    assert parse_meter(meter.as_document()) == (meter, ())
    assert parse_meter(MeterTerms().as_document())[0] == MeterTerms()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"where": "status"}, "no condition"),
        ({"where": "status < abc"}, "no number"),
        ({"where": "colour == 3"}, "no `colour`"),
        ({"where": 'method < "GET"'}, "`==` or `!=`"),
        ({"where": "status < 400 and"}, "no condition"),
        ({"source": "minutes"}, "not possible"),
        ({"aggregation": "max"}, "not possible"),
        ({"weights": {"transfers": 5}}, "no operation"),
        ({"weights": {"POST /x": -1}}, "at least 0"),
        ({"weights": {"POST /x": 1.5}}, "whole number"),
        ({"wieghts": {}}, "Unknown field"),
    ],
)
def test_a_meter_that_cannot_be_is_told_why(spec: dict[str, Any], words: str) -> None:
    meter, faults = parse_meter(spec)
    assert meter is None
    assert any(words in fault.message for fault in faults), faults
