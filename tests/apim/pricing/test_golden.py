"""Golden invoices: plans and usages with the totals that anybody can check by hand."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from apim.pricing.money import money_text, to_minor
from apim.pricing.rating import Period, rate
from apim.pricing.terms import parse_terms

_FOLDER = Path(__file__).parent / "golden"
_FILES = sorted(_FOLDER.glob("*.yaml"))


def _invoices() -> Iterator[Any]:
    for path in _FILES:
        case = yaml.safe_load(path.read_text())
        for index, invoice in enumerate(case["invoices"]):
            yield pytest.param(case["spec"], invoice, id=f"{path.stem}-{index}")


@pytest.mark.parametrize(("spec", "invoice"), list(_invoices()))
def test_an_invoice_is_what_the_hand_computes(spec: dict[str, Any], invoice: dict[str, Any]) -> None:
    terms, faults = parse_terms(spec)
    assert terms is not None, faults
    usage = {meter: Decimal(quantity) for meter, quantity in invoice["usage"].items()}
    balance = Decimal(invoice.get("balance", "0"))
    rated = rate(terms, usage, period=Period(invoice.get("period", "later")), balance=balance)
    shown = rated.as_mapping()
    assert shown["total"] == invoice["total"]
    if "lines" in invoice:
        told = [[line["name"], line["quantity"], line["unit_amount"], line["amount"]] for line in shown["lines"]]
        assert told == invoice["lines"]
    if "creditsLeft" in invoice:
        assert money_text(rated.credits_left, terms.currency) == invoice["creditsLeft"]


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_every_model_has_five_usages_and_exact_minor_units(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    terms, _ = parse_terms(case["spec"])
    assert terms is not None
    assert len(case["invoices"]) >= 5
    if terms.is_priced:
        for invoice in case["invoices"]:
            to_minor(Decimal(invoice["total"]), terms.currency)


def test_every_model_and_currency_has_a_golden_file() -> None:
    cases = [yaml.safe_load(path.read_text())["spec"] for path in _FILES]
    models = {price["model"] for spec in cases for price in spec.get("prices", ())}
    assert models == {"flat", "setup", "unit", "graduated", "volume", "package", "prepaid"}
    assert {spec.get("currency") for spec in cases} == {None, "EUR", "USD", "JPY", "KRW", "KWD"}
