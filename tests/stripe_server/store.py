"""The objects of one mode (test or live), changed in transactions."""

from __future__ import annotations

import copy
import secrets
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.stripe_server import shapes
from tests.stripe_server.errors import no_such

ACCOUNT = "acct_standin0000000"
_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 24
Object = dict[str, Any]

# Source: the examples of docs.stripe.com/api; an id tells its object by its prefix.
PREFIXES = {
    "billing_portal.configuration": "bpc",
    "billing_portal.session": "bps",
    "billing.meter": "mtr",
    "charge": "ch",
    "checkout.session": "cs",
    "credit_note": "cn",
    "credit_note_line_item": "cnli",
    "customer": "cus",
    "customer_balance_transaction": "cbtxn",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "setup_intent": "seti",
    "subscription": "sub",
    "subscription_item": "si",
    "subscription_schedule": "sub_sched",
    "tax_id": "txi",
    "test_helpers.test_clock": "clock",
    "webhook_endpoint": "we",
}


@dataclass(slots=True)
class Request:
    """Who asked for a change; events carry it."""

    id: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class Mode:
    """One mode's objects by kind and id, in the order of their making.

    Shapes: journal holds what objects were before the open transaction; outgoing the events it has made; sent the last
    form of each object that an event showed; is_rehearsal = the open transaction is only to look (a preview).
    """

    livemode: bool
    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    idempotency: dict[str, Object] = field(default_factory=dict)
    settings: Object = field(default_factory=dict)
    offset: int = 0
    moment: int | None = None
    request: Request = field(default_factory=Request)
    journal: dict[tuple[str, str], Object | None] | None = None
    outgoing: list[Object] = field(default_factory=list)
    sent: dict[str, Object] = field(default_factory=dict)
    sent_before: dict[str, Object | None] = field(default_factory=dict)
    is_rehearsal: bool = False
    other: Mode | None = None
    address: str = ""

    def begin(self) -> None:
        self.journal, self.outgoing, self.sent_before, self.is_rehearsal = {}, [], {}, False

    def commit(self) -> list[Object]:
        """The events of the transaction that ends."""
        self.journal, events, self.outgoing = None, self.outgoing, []
        return events

    def rollback(self) -> None:
        for (kind, key), before in reversed((self.journal or {}).items()):
            if before is None:
                self.objects[kind].pop(key, None)
            else:
                self.objects[kind][key] = before
        for key, shown in self.sent_before.items():
            if shown is None:
                self.sent.pop(key, None)
            else:
                self.sent[key] = shown
        self.journal, self.outgoing = None, []

    def new_id(self, kind: str) -> str:
        prefix = PREFIXES[kind]
        if kind == "checkout.session":
            prefix += "_live" if self.livemode else "_test"
        return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))

    def add(self, kind: str, fields: Object, *, clock: str | None = None) -> Object:
        """A new object with its id, its kind and the time of its making."""
        given = {"id": fields.get("id") or self.new_id(kind), "object": kind, "created": self.now(clock)}
        made = dict.fromkeys(shapes.nullable(kind)) | given | {"livemode": self.livemode} | fields
        self._note(kind, made["id"], None)
        self.objects.setdefault(kind, {})[made["id"]] = made
        return made

    def peek(self, kind: str, key: str) -> Object | None:
        """The object, to read."""
        return self.objects.get(kind, {}).get(key)

    def get(self, kind: str, key: Any, *, param: str = "id", status: int = 400) -> Object:
        """The object, to change.

        Errors: StripeError resource_missing.
        """
        found = self.peek(kind, str(key))
        if found is None:
            noun = kind.rpartition(".")[2].replace("_", " ") if kind != "payment_method" else "PaymentMethod"
            elsewhere = ""
            if self.other is not None and self.other.peek(kind, str(key)) is not None:
                elsewhere = "test" if self.livemode else "live"
            raise no_such(_NOUNS.get(kind, noun), str(key), param=param, status=status, elsewhere=elsewhere)
        self._note(kind, str(key), found)
        return found

    def all(self, kind: str, **equal: Any) -> Iterator[Object]:
        """Newest first; to read."""
        for found in reversed(list(self.objects.get(kind, {}).values())):
            if all(found.get(name) == value for name, value in equal.items()):
                yield found

    def remove(self, kind: str, key: str) -> None:
        self._note(kind, key, self.objects[kind][key])
        del self.objects[kind][key]

    def now(self, clock: str | None = None) -> int:
        """The time of a test clock, else of this machine (moved by what the control endpoints say)."""
        if clock is not None:
            frozen = self.peek("test_helpers.test_clock", clock)
            if frozen is not None:
                return int(frozen["frozen_time"])
        if self.moment is not None:
            return self.moment
        return int(time.time()) + self.offset

    def clock_of(self, customer: str | None) -> str | None:
        found = self.peek("customer", customer) if customer else None
        return found.get("test_clock") if found else None

    def _note(self, kind: str, key: str, before: Object | None) -> None:
        if self.journal is not None and (kind, key) not in self.journal:
            self.journal[kind, key] = copy.deepcopy(before)


_NOUNS = {
    "billing.meter": "billing meter",
    "checkout.session": "checkout.session",
    "invoiceitem": "invoiceitem",
    "payment_intent": "payment_intent",
    "setup_intent": "setup_intent",
    "subscription_schedule": "subscription_schedule",
    "test_helpers.test_clock": "test clock",
    "webhook_endpoint": "webhook endpoint",
}
