"""The pages of billing for admins: permissions of the key, events, the truth check, dunning, the checklist."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apim.access.models import Subscription
from apim.accounts.models import User
from apim.billing.comparing import compare_usage
from apim.billing.connection import require_connection
from apim.billing.models import BillingSubscription, CatalogueEntry, ConnectionCheck, Invoice, MeterWindow, StripeEvent
from apim.billing.readiness import checklist
from tests.conftest import LogIn
from tests.payments import Stripe

pytestmark = pytest.mark.django_db
PAGE = "/console/admin/billing"


@pytest.fixture
def admins(log_in: LogIn, admin: User) -> Client:
    return log_in(admin)


def everything(connection_kinds: tuple[str, ...]) -> int:
    driver = require_connection().driver
    return sum(len(list(driver.list(kind, {}))) for kind in connection_kinds)


def test_each_permission_of_a_key_is_tried_for_reading_and_writing_and_nothing_is_left_behind(
    admins: Client,
    stripe_server: Stripe,
    settings: Settings,
) -> None:
    kinds = ("customer", "product", "price", "subscription", "invoice", "billing.meter", "checkout.session")
    permissions = ["rak_customer_write", "rak_invoice_read", "rak_billing_meter_write", "rak_event_read"]
    settings.STRIPE_API_KEY = stripe_server.control("keys", permissions=permissions)["key"]
    admins.post(f"{PAGE}/check")
    found = {row["kind"]: (row["may_read"], row["may_write"]) for row in ConnectionCheck.objects.get().permissions}
    assert found["customer"] == (True, True)
    assert found["invoice"] == (True, False)
    assert found["product"] == (False, False)
    assert found["event"] == (True, None)
    text = admins.get(f"{PAGE}/connect").content.decode()
    assert "The key may not write Invoices: allow it at Stripe." in text
    assert "The key may not read or write Products: allow it at Stripe." in text
    settings.STRIPE_API_KEY = "sk_test_standin"
    assert everything(kinds) == 0


def test_a_key_that_may_do_everything_lacks_nothing(admins: Client, stripe_server: Stripe) -> None:
    admins.post(f"{PAGE}/check")
    check = ConnectionCheck.objects.get()
    assert [row["fault"] for row in check.permissions if row["fault"]] == []
    assert check.account["country"]


def test_events_are_narrowed_and_all_dead_letters_are_applied_again_at_once(
    admins: Client,
    bought: Subscription,
) -> None:
    StripeEvent.objects.filter(type__startswith="invoice.").update(state="dead", outcome="It is of nobody here.")
    dead = StripeEvent.objects.filter(state="dead").count()
    assert dead > 1
    text = admins.get(f"{PAGE}/events?state=dead&q=invoice.paid").content.decode()
    assert text.count("It is of nobody here.") == 1
    assert "No such event" in admins.get(f"{PAGE}/events?q=evt_nothing").content.decode()
    admins.post(f"{PAGE}/replay")
    assert StripeEvent.objects.filter(state="stored").count() == dead


def test_an_invoice_that_differs_is_shown_with_its_lines_and_its_usage(
    admins: Client,
    bought: Subscription,
) -> None:
    invoice = Invoice.objects.get()
    assert "No invoice differs" in admins.get(f"{PAGE}/reconcile").content.decode()
    assert str(invoice) in admins.get(f"{PAGE}/reconcile?show=all").content.decode()
    Invoice.objects.update(difference=100, note="base: Stripe 30.00 EUR, here 29.00 EUR")
    assert "here 29.00 EUR" in admins.get(f"{PAGE}/reconcile").content.decode()
    text = admins.get(f"{PAGE}/reconcile/{invoice.pk}").content.decode()
    assert "29.00 EUR" in text
    assert "counted three times" in text


def test_what_was_counted_and_never_told_is_named(bought: Subscription) -> None:
    invoice = Invoice.objects.get()
    now = timezone.now()
    price = CatalogueEntry.objects.get(lookup_key="bank-payments:starter:v1:calls:EUR").stripe_id
    period = {"period_start": int((now - timedelta(hours=2)).timestamp()), "period_end": int(now.timestamp())}
    invoice.lines = [{"price": price, "quantity": 0, "amount": 0, "name": "calls"} | period]
    hour = now - timedelta(hours=1)
    window = MeterWindow.objects.create(subscription=bought, meter="bank-calls", hour=hour, quantity=7)
    window.parts.create(identifier="x", quantity=7, state="dead", error="too old")
    (usage,) = compare_usage(require_connection(), invoice)
    assert (usage.counted, usage.at_stripe) == (7, 0)
    assert usage.differences == ("7 were put aside: Stripe refused them, or may have them already.",)


def test_an_organization_is_given_more_time_for_all_it_owes(
    admins: Client,
    bought: Subscription,
) -> None:
    BillingSubscription.objects.update(unpaid_since=timezone.now() - timedelta(days=8))
    text = admins.get(f"{PAGE}/dunning").content.decode()
    assert "Restricted to a quarter of the rate" in text
    assert "Suspended: calls get 402" in text  # what comes next
    page = f"{PAGE}/organizations/{bought.organization.name}/patience"
    admins.post(page, {"until": "2099-01-01T00:00", "reason": "A bank holiday."})
    mirror = BillingSubscription.objects.get()
    assert mirror.grace_until is not None
    assert "Grace: calls pass" in admins.get(f"{PAGE}/dunning").content.decode()
    BillingSubscription.objects.update(unpaid_since=None)
    assert "Nothing is unpaid" in admins.get(page).content.decode()
    assert "Nobody owes anything" in admins.get(f"{PAGE}/dunning").content.decode()


def test_the_checklist_follows_how_things_stand(bought: Subscription, settings: Settings) -> None:
    points = {point.name: point for point in checklist()}
    assert len(points) == 8
    assert not points["live-key"].is_met
    assert not points["login"].is_met
    assert points["webhook"].is_met
    assert points["plans"].is_met
    assert points["grace"].is_met
    StripeEvent.objects.update(state="dead")
    settings.STRIPE_API_KEY = "sk_live_standin"
    points = {point.name: point for point in checklist()}
    assert not points["webhook"].is_met
    assert points["live-key"].text == "Check what the key may do."


def test_the_pages_ask_the_same_number_of_queries_however_much_there_is(
    admins: Client,
    bought: Subscription,
    django_assert_max_num_queries: object,
) -> None:
    now = timezone.now()
    StripeEvent.objects.bulk_create(
        StripeEvent(id=f"evt_{n}", mode="test", type="invoice.paid", body="{}", created_at=now) for n in range(30)
    )
    for path in ("", "/connect", "/events", "/reconcile?show=all", "/dunning"):
        with django_assert_max_num_queries(25):  # type: ignore[operator]
            assert admins.get(f"{PAGE}{path}").status_code == 200
