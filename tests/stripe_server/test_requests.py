"""Requests as Stripe judges them: parameters, keys, idempotency, pages of lists."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer

pytestmark = pytest.mark.usefixtures("stand_in_only")


def refused(server: StripeServer, path: str, form: dict[str, str], key: str | None = None) -> dict[str, Any]:
    answer = httpx.post(server.url + path, data=form, headers={"Authorization": f"Bearer {key or server.key}"})
    assert answer.status_code >= 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error | {"status": answer.status_code}


@pytest.mark.parametrize(
    ("path", "form", "code", "param", "message"),
    [
        ("prices", {"unit_amount": "1"}, "parameter_missing", "currency", "Missing required param: currency."),
        ("prices", {"currency": "eur", "colour": "red"}, "parameter_unknown", "colour", "unknown parameter: colour"),
        (
            "subscriptions",
            {"customer": "cus_1", "items[0][price]": "price_1", "items[0][size]": "2"},
            "parameter_unknown",
            "items[0][size]",
            "Received unknown parameter: items[0][size]",
        ),
        (
            "prices",
            {"currency": "eur", "recurring[interval]": "fortnight"},
            None,
            "recurring[interval]",
            "must be one of day, month, week, or year",
        ),
        (
            "prices",
            {"currency": "eur", "unit_amount": "1.5"},
            "parameter_invalid_integer",
            "unit_amount",
            "Invalid integer: 1.5",
        ),
        ("prices", {"currency": "", "unit_amount": "1"}, "parameter_invalid_empty", "currency", "empty string"),
        ("customers", {"metadata[a]": "x" * 501}, None, "metadata[a]", "500 characters"),
        ("billing/meter_events", {"event_name": "a"}, "parameter_missing", "payload", "Missing required param"),
    ],
    ids=["missing", "unknown", "unknown-nested", "enumeration", "integer", "empty", "metadata", "nested-missing"],
)
def test_parameters_are_judged_by_the_clients_own_types(
    stripe_server: StripeServer, path: str, form: dict[str, str], code: str | None, param: str, message: str
):
    error = refused(stripe_server, f"/v1/{path}", form)

    assert error["status"] == 400
    assert error["type"] == "invalid_request_error"
    assert (error.get("code"), error["param"]) == (code, param)
    assert message in error["message"]


def test_what_the_server_cannot_do_is_refused_and_not_ignored(stripe_server: StripeServer):
    error = refused(stripe_server, "/v1/customers", {"cash_balance[settings][reconciliation_mode]": "manual"})

    assert error["status"] == 501


def test_an_unknown_path_and_an_unknown_key_are_told(stripe_server: StripeServer):
    assert "Unrecognized request URL" in refused(stripe_server, "/v1/nothing", {})["message"]
    assert refused(stripe_server, "/v1/customers", {}, key="sk_test_somebodyelse")["status"] == 401


def test_a_restricted_key_does_what_it_may_and_names_what_it_lacks(stripe_server: StripeServer):
    key = stripe_server.control("POST", "keys", permissions=["rak_customer_write", "rak_plan_read"])["key"]
    client = stripe_server.client(key)

    client.v1.customers.create({"name": "Ana"})
    client.v1.customers.list()
    client.v1.prices.list()
    with pytest.raises(stripe.PermissionError, match="Having the 'rak_plan_write' permission would allow this"):
        client.v1.prices.create({"currency": "eur", "unit_amount": 1, "product": "prod_1"})


def test_test_and_live_are_apart(stripe_server: StripeServer):
    made = stripe_server.client().v1.customers.create({"name": "Ana"})

    with pytest.raises(stripe.InvalidRequestError, match="a similar object exists in test mode, but a live mode key"):
        stripe_server.client("sk_live_standin").v1.customers.retrieve(made.id)


def test_an_idempotency_key_gives_the_same_answer_again(stripe_server: StripeServer):
    client = stripe_server.client()
    first = client.v1.customers.create({"name": "Ana"}, {"idempotency_key": "k1"})
    again = client.v1.customers.create({"name": "Ana"}, {"idempotency_key": "k1"})

    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError, match="same parameters they were first used with"):
        client.v1.customers.create({"name": "Eva"}, {"idempotency_key": "k1"})


def test_a_failed_answer_is_kept_but_not_one_to_parameters_that_were_refused(stripe_server: StripeServer):
    client = stripe_server.client()
    options = {"idempotency_key": "k2"}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            client.v1.invoices.create({"customer": "cus_none"}, options)  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {stripe_server.key}", "Idempotency-Key": "k3"}

    refused_first = httpx.post(f"{stripe_server.url}/v1/customers", data={"nme": "Ana"}, headers=headers)
    accepted = httpx.post(f"{stripe_server.url}/v1/customers", data={"name": "Ana"}, headers=headers)

    assert (refused_first.status_code, accepted.status_code) == (400, 200)


def test_an_idempotency_key_is_forgotten_after_a_day(stripe_server: StripeServer):
    client = stripe_server.client()
    first = client.v1.customers.create({"name": "Ana"}, {"idempotency_key": "k4"})
    stripe_server.control("POST", "time", seconds=scenes.DAY + 1)

    assert client.v1.customers.create({"name": "Ana"}, {"idempotency_key": "k4"}).id != first.id


def test_lists_come_in_pages_newest_first(stripe_server: StripeServer):
    client = stripe_server.client()
    made = [client.v1.customers.create({"name": str(number)}).id for number in range(5)]

    page = client.v1.customers.list({"limit": 2})
    following = client.v1.customers.list({"limit": 2, "starting_after": page.data[-1].id})

    assert [each.id for each in page.data + following.data] == made[::-1][:4]
    assert page.has_more
    assert [each.id for each in client.v1.customers.list({"limit": 2}).auto_paging_iter()] == made[::-1]
    before = client.v1.customers.list({"limit": 2, "ending_before": made[0]})
    assert [each.id for each in before.data] == [made[2], made[1]]


def test_fields_are_expanded_and_what_cannot_be_is_told(stripe_server: StripeServer):
    client = stripe_server.client()
    price = scenes.price(client)

    found = client.v1.prices.list({"expand": ["data.product"]}).data[0]

    assert isinstance(found.product, stripe.Product)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.prices.retrieve(price, {"expand": ["colour"]})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 500}, stripe.APIError),
        ({"status": 429}, stripe.RateLimitError),
        ({"kind": "drop"}, stripe.APIConnectionError),
        ({"kind": "lose_answer"}, stripe.APIConnectionError),
    ],
    ids=["500", "429", "drop", "lose_answer"],
)
def test_faults_happen_on_demand_and_pass(stripe_server: StripeServer, fault: dict[str, Any], error: type[Exception]):
    client = stripe_server.client()
    stripe_server.control("POST", "faults", path="/v1/customers", **fault)

    with pytest.raises(error):
        client.v1.customers.create({"name": "Ana"})
    client.v1.customers.create({"name": "Eva"})

    names = [each.name for each in client.v1.customers.list().data]
    assert names == (["Eva", "Ana"] if fault.get("kind") == "lose_answer" else ["Eva"])


def test_more_requests_than_allowed_are_refused_with_429(stripe_server: StripeServer):
    stripe_server.control("POST", "settings", rate_limit=0)

    with pytest.raises(stripe.RateLimitError):
        stripe_server.client().v1.customers.list()


def test_every_route_names_a_parameter_type_of_the_client():
    from tests.stripe_server.routes import ROUTES  # noqa: PLC0415 -- filled by the imports above
    from tests.stripe_server.schema import parameters  # noqa: PLC0415

    assert len(ROUTES) > 90
    for each in ROUTES:
        assert parameters(each.parameters).fields is not None, each.path


def test_a_version_that_is_none_is_refused_and_the_one_used_is_told(stripe_server: StripeServer):
    client = stripe_server.client()
    made = client.v1.customers.create({"name": "Ana"})

    assert made.last_response.headers["Stripe-Version"] == stripe.api_version
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version: tomorrow"):
        client.v1.customers.list(options={"stripe_version": "tomorrow"})
