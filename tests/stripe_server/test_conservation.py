"""Any sequence of what customers, owners and time do leaves the stand-in's own books in balance, and breaks nothing."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from stripe._encode import _api_encode

from tests.stripe_server import forms
from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.scenes import DAY, START
from tests.stripe_server.server import State
from tests.stripe_server.state import Answer, Asked

AUTHORIZED = {"authorization": f"Bearer {TEST_KEY}"}
CARDS = ("pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired")
NEVER = {500, 501}


class Books(RuleBasedStateMachine):
    """One customer on a test clock; every answer may be a refusal, but none a breakdown."""

    def ask(self, method: str, path: str, **params: Any) -> Answer:
        text = urlencode([(name, str(value)) for name, value in _api_encode(params)])
        answer = self.state.serve(Asked(method, f"/v1/{path}", forms.parse(text), AUTHORIZED))
        assert answer.status not in NEVER, json.dumps(answer.body)
        return answer

    def make(self, path: str, **params: Any) -> Any:
        answer = self.ask("POST", path, **params)
        assert answer.status == 200, answer.body
        return answer.body

    @initialize()
    def open_books(self) -> None:
        self.state = State("http://127.0.0.1:1")
        self.now = START
        product = self.make("products", name="Bank")["id"]
        meter = self.make(
            "billing/meters", display_name="Calls", event_name="calls", default_aggregation={"formula": "sum"}
        )["id"]
        monthly = {"interval": "month"}
        tiers = [{"up_to": 100, "unit_amount": 0}, {"up_to": "inf", "unit_amount_decimal": "0.7", "flat_amount": 300}]
        usage = {"recurring": monthly | {"usage_type": "metered", "meter": meter}}
        self.licensed = [
            self.make("prices", product=product, currency="eur", unit_amount=amount, recurring=monthly)["id"]
            for amount in (0, 30, 2900, 9900)
        ]
        self.metered = self.make(
            "prices",
            product=product,
            currency="eur",
            billing_scheme="tiered",
            tiers_mode="graduated",
            tiers=tiers,
            **usage,
        )["id"]  # fmt: skip
        self.clock = self.make("test_helpers/test_clocks", frozen_time=START)["id"]
        self.customer = self.make("customers", test_clock=self.clock)["id"]
        self.use_card("pm_card_visa")

    @rule(card=st.sampled_from(CARDS))
    def use_card(self, card: str) -> None:
        method = self.make(f"payment_methods/{card}/attach", customer=self.customer)["id"]
        self.make(f"customers/{self.customer}", invoice_settings={"default_payment_method": method})

    @rule(price=st.integers(0, 3), trial=st.booleans(), end=st.sampled_from(("pause", "cancel", "create_invoice")))
    def subscribe(self, price: int, trial: bool, end: str) -> None:
        more: Any = {"trial_period_days": 14} if trial else {}
        if trial:
            more["trial_settings"] = {"end_behavior": {"missing_payment_method": end}}
        items = [{"price": self.licensed[price]}, {"price": self.metered}]
        self.ask("POST", "subscriptions", customer=self.customer, items=items, **more)

    def subscription(self) -> Any:
        found = self.ask("GET", "subscriptions", customer=self.customer, limit=1).body["data"]
        return found[0] if found else None

    @rule(
        price=st.integers(0, 3),
        behavior=st.sampled_from(("always_invoice", "create_prorations", "none")),
        payment=st.sampled_from(("allow_incomplete", "pending_if_incomplete", "error_if_incomplete")),
    )
    def change_price(self, price: int, behavior: str, payment: str) -> None:
        found = self.subscription()
        if found is not None:
            item = found["items"]["data"][0]["id"]
            self.ask(
                "POST", f"subscriptions/{found['id']}", items=[{"id": item, "price": self.licensed[price]}],
                proration_behavior=behavior, payment_behavior=payment,
            )  # fmt: skip

    @rule(verb=st.sampled_from(("period_end", "keep", "now", "pause", "resume", "schedule", "preview")))
    def turn(self, verb: str) -> None:
        found = self.subscription()
        if found is None:
            return
        path = f"subscriptions/{found['id']}"
        match verb:
            case "period_end" | "keep":
                self.ask("POST", path, cancel_at_period_end=verb == "period_end")
            case "now":
                self.ask("DELETE", path, invoice_now=True, prorate=True)
            case "pause":
                self.ask("POST", f"{path}/pause")
            case "resume":
                self.ask("POST", f"{path}/resume")
            case "schedule":
                self.ask("POST", "subscription_schedules", from_subscription=found["id"])
            case _:
                self.ask("POST", "invoices/create_preview", subscription=found["id"])

    @rule(value=st.integers(0, 100000))
    def use(self, value: int) -> None:
        payload = {"stripe_customer_id": self.customer, "value": value}
        self.ask("POST", "billing/meter_events", event_name="calls", payload=payload)

    @rule(verb=st.sampled_from(("pay", "void", "mark_uncollectible", "note", "refund")))
    def settle(self, verb: str) -> None:
        found = self.ask("GET", "invoices", customer=self.customer, limit=1).body["data"]
        if not found:
            return
        if verb == "note":
            self.ask("POST", "credit_notes", invoice=found[0]["id"], amount=100)
            self.ask("POST", "credit_notes", invoice=found[0]["id"], amount=100, credit_amount=40, refund_amount=60)
        elif verb == "refund":
            charges = self.ask("GET", "charges", customer=self.customer, limit=1).body["data"]
            self.ask("POST", "refunds", charge=charges[0]["id"] if charges else "ch_none", amount=50)
        else:
            self.ask("POST", f"invoices/{found[0]['id']}/{verb}")

    @rule(days=st.sampled_from((0.05, 1, 5, 14, 31, 45)))
    def let_time_pass(self, days: float) -> None:
        self.now += int(days * DAY)
        self.make(f"test_helpers/test_clocks/{self.clock}/advance", frozen_time=self.now)
        self.state.tick()
        assert self.ask("GET", f"test_helpers/test_clocks/{self.clock}").body["status"] == "ready"

    @invariant()
    def books_balance(self) -> None:
        if not hasattr(self, "customer"):
            return
        mode = self.state.modes[False]
        lines = mode.objects.get("line_item", {}).values()
        for invoice in mode.objects.get("invoice", {}).values():
            assert invoice["total"] == sum(line["amount"] for line in lines if line["invoice"] == invoice["id"])
            if invoice["status"] == "paid":
                assert (invoice["amount_paid"], invoice["amount_remaining"]) == (invoice["amount_due"], 0)
                intent = mode.peek("payment_intent", invoice.get("_intent") or "")
                received = intent["amount_received"] if intent else 0
                assert received in {invoice["amount_due"], 0}, invoice
        moved = sum(each["amount"] for each in mode.objects.get("customer_balance_transaction", {}).values())
        assert mode.objects["customer"][self.customer]["balance"] == moved
        for item in mode.objects.get("invoiceitem", {}).values():
            on = [line for line in lines if line.get("_invoice_item") == item["id"]]
            assert len(on) == (0 if item["invoice"] is None else 1), item


Books.TestCase.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestBooks = Books.TestCase
