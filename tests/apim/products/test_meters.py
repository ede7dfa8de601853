"""Meters: definitions, and that they stay what they were when somebody pays by them."""

from __future__ import annotations

from typing import Any

import pytest

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.errors import Conflict, Invalid, Problems
from apim.gateways.models import Environment
from apim.products.limits import Terms
from apim.products.models import Meter
from apim.products.services import add_plan_version, create_meter, create_plan, update_meter
from tests.factories import accounts

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def acme(db: None) -> Organization:
    return accounts.organization(name="acme")


@pytest.fixture
def calls(acme: Organization, by: Actor) -> Meter:
    return create_meter(organization=acme, name="calls", definition={"where": "status < 400"}, by=by)


def pricing(meter: str = "calls", **more: Any) -> dict[str, Any]:
    price = {"name": "calls", "meter": meter, "model": "unit", "unit": "0.01"}
    return {"currency": "EUR", "prices": [price], **more}


def test_a_meter_counts_by_its_definition_and_has_versions(calls: Meter, by: Actor, environment: Environment) -> None:
    assert (calls.source, calls.where, calls.weights, calls.version) == ("requests", "status < 400", {}, 1)
    update_meter(meter=calls, changes={"display_name": "Calls"}, by=by)
    assert calls.version == 1
    assert not Environment.objects.filter(revision__gt=environment.revision).exists()
    update_meter(meter=calls, changes={"weights": {"POST /transfers": 5}}, by=by)
    assert (calls.version, calls.terms.weights) == (2, {"POST /transfers": 5})
    assert Environment.objects.filter(revision__gt=environment.revision).exists(), "gateways count by it too"
    update_meter(meter=calls, changes={"weights": {"POST /transfers": 5}}, by=by)
    assert calls.version == 2


@pytest.mark.parametrize("definition", [{"where": "colour == 1"}, {"source": "minutes"}, {"weights": {"x": 1}}])
def test_a_meter_that_cannot_count_is_refused(acme: Organization, by: Actor, definition: dict[str, Any]) -> None:
    with pytest.raises(Problems) as caught:
        create_meter(organization=acme, name="calls", definition=definition, by=by)
    assert {error.code for error in caught.value.errors} == {"products.meter"}


def test_names_of_meters_are_unique(acme: Organization, calls: Meter, by: Actor) -> None:
    with pytest.raises(Problems) as caught:
        create_meter(organization=acme, name="calls", definition={}, by=by)
    assert caught.value.code == "products.name_taken"


def test_what_a_plan_with_prices_charges_by_stays(acme: Organization, calls: Meter, by: Actor) -> None:
    create_plan(organization=acme, name="gold", terms=Terms(pricing=pricing()), by=by)
    update_meter(meter=calls, changes={"display_name": "All calls", "unit": "request"}, by=by)
    with pytest.raises(Conflict) as caught:
        update_meter(meter=calls, changes={"where": "status < 500"}, by=by)
    assert caught.value.code == "products.meter_in_use"


def test_a_plan_names_meters_that_there_are(acme: Organization, calls: Meter, by: Actor) -> None:
    with pytest.raises(Problems) as caught:
        create_plan(organization=acme, name="gold", terms=Terms(pricing=pricing("cals")), by=by)
    only = caught.value.errors[0]
    assert (only.code, only.field, only.hint) == (
        "products.no_meter",
        "pricing.prices.0.meter",
        "Did you mean `calls`?",
    )


def test_meters_of_another_organization_are_not_for_its_plans(calls: Meter, by: Actor) -> None:
    other = accounts.organization(name="initech")
    with pytest.raises(Invalid, match="no meter"):
        create_plan(organization=other, name="gold", terms=Terms(pricing=pricing()), by=by)


def test_versions_of_a_priced_plan_are_immutable_and_equal_prices_make_none(
    acme: Organization, calls: Meter, by: Actor
) -> None:
    plan = create_plan(organization=acme, name="gold", terms=Terms(pricing=pricing()), by=by)
    first = plan.versions.get()
    assert first.is_priced
    assert first.terms.existing == "keep"
    assert add_plan_version(plan=plan, terms=Terms(pricing=pricing(interval="month")), by=by) == first
    second = add_plan_version(plan=plan, terms=Terms(pricing=pricing(interval="year")), by=by)
    first.refresh_from_db()
    assert (first.terms.interval, second.terms.interval, second.number) == ("month", "year", 2)


def test_prices_that_cannot_be_are_refused_each_with_its_place(acme: Organization, by: Actor) -> None:
    bad = {"currency": "EUR", "prices": [{"model": "flat", "amount": "1.001"}, {"model": "nope"}]}
    with pytest.raises(Problems) as caught:
        create_plan(organization=acme, name="gold", terms=Terms(pricing=bad), by=by)
    assert [error.field for error in caught.value.errors] == ["pricing.prices.0.amount", "pricing.prices.1.model"]
