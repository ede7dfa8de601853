"""Probing: what a key to Stripe may read and write, found out without leaving anything behind.

Reading asks for a list. Writing asks for a change of an object that does not exist: a key that may not do it is refused
for that first, one that may is told that there is no such object. Source: docs.stripe.com/keys/restricted-api-keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.utils import timezone

from apim.billing.driver import Driver, DriverFailed
from apim.billing.models import ConnectionCheck, Mode

_NOBODY: Final = "apim_probe"  # ends the ids of objects that do not exist
_Write = Callable[[Driver], object]


@dataclass(frozen=True, slots=True)
class Need:
    """What the key must be allowed to do, by the words of Stripe's page of restricted keys."""

    kind: str
    words: str
    is_read: bool = True
    write: _Write | None = None
    is_for_tests: bool = False  # rehearsals alone need it, in test mode


@dataclass(frozen=True, slots=True)
class Permission:
    """What was found out. Shapes: None = not needed, or not known because Stripe did not answer; why says so."""

    kind: str
    words: str
    may_read: bool | None
    may_write: bool | None
    why: str = ""

    @property
    def fault(self) -> str:
        """What is missing, in plain words; "" when nothing is."""
        verbs = [verb for verb, may in (("read", self.may_read), ("write", self.may_write)) if may is False]
        if verbs:
            return f"The key may not {' or '.join(verbs)} {self.words}: allow it at Stripe."
        return f"{self.words}: {self.why}" if self.why else ""


def _change(kind: str, prefix: str) -> _Write:
    return lambda driver: driver.change(kind, f"{prefix}_{_NOBODY}", {"metadata": {"apim": "probe"}})


def _act(kind: str, prefix: str, verb: str, params: Mapping[str, Any]) -> _Write:
    return lambda driver: driver.act(kind, f"{prefix}_{_NOBODY}", verb, params)


def _make(kind: str, params: Mapping[str, Any]) -> _Write:
    def write(driver: Driver) -> object:
        return driver.make(kind, params, key=f"apim:probe:{timezone.now().timestamp():.6f}")

    return write


_NEEDS: Final = (
    Need("customer", "Customers", write=_change("customer", "cus")),
    Need("product", "Products", write=_change("product", "prod")),
    Need("price", "Prices", write=_change("price", "price")),
    Need("subscription", "Subscriptions", write=_change("subscription", "sub")),
    Need("invoice", "Invoices", write=_change("invoice", "in")),
    Need("credit_note", "Credit notes", write=_change("credit_note", "cn")),
    Need("refund", "Charges and Refunds", write=_change("refund", "re")),
    Need("checkout.session", "Checkout Sessions", write=_act("checkout.session", "cs_test", "expire", {})),
    Need(
        "billing_portal.session",
        "Customer portal",
        is_read=False,
        write=_make("billing_portal.session", {"customer": f"cus_{_NOBODY}"}),
    ),
    Need(
        "billing_portal.configuration",
        "Customer portal configurations",
        write=_change("billing_portal.configuration", "bpc"),
    ),
    Need(
        "billing.meter",
        "Billing meters",
        write=lambda driver: driver.change("billing.meter", f"mtr_{_NOBODY}", {"display_name": "probe"}),
    ),
    Need(
        "billing.meter_event",
        "Billing meter events",
        is_read=False,
        write=_make(
            "billing.meter_event",
            {"event_name": _NOBODY, "payload": {"stripe_customer_id": f"cus_{_NOBODY}", "value": "0"}},
        ),
    ),
    Need("payment_intent", "Payment intents", write=_change("payment_intent", "pi")),
    Need("setup_intent", "Setup intents"),
    Need("payment_method", "Payment methods"),
    Need("dispute", "Disputes"),
    Need("event", "Events"),
    Need(
        "payment_method",
        "Payment methods, for rehearsals",
        is_read=False,
        write=_act("payment_method", "pm", "detach", {}),
        is_for_tests=True,
    ),
    Need(
        "test_helpers.test_clock",
        "Test clocks, for rehearsals",
        write=_act("test_helpers.test_clock", "clock", "advance", {"frozen_time": 1}),
        is_for_tests=True,
    ),
)


def needed() -> dict[str, list[str]]:
    """What a restricted key must be given at Stripe, by the level that it is given there: write goes with read."""
    return {
        "write": [need.words for need in _NEEDS if need.write is not None and not need.is_for_tests],
        "read": [need.words for need in _NEEDS if need.write is None],
        "tests": [need.words.partition(",")[0] for need in _NEEDS if need.is_for_tests],
    }


def probe(driver: Driver, mode: str) -> list[Permission]:
    """What the key may do of what is needed in its mode."""
    return [_probe(driver, need) for need in _NEEDS if mode == Mode.TEST or not need.is_for_tests]


def faults_of(permissions: Iterable[Permission]) -> list[str]:
    """What is missing, in plain words."""
    return [each.fault for each in permissions if each.fault]


def keep_check(
    *, mode: str, key_ending: str, permissions: Iterable[Permission], account: Mapping[str, Any]
) -> ConnectionCheck:
    """The check of the mode's key, kept."""
    told = {name: account[name] for name in ("country", "charges_enabled", "details_submitted") if name in account}
    check, _ = ConnectionCheck.objects.update_or_create(
        mode=mode,
        defaults={
            "key_ending": key_ending,
            "permissions": [asdict(each) | {"fault": each.fault} for each in permissions],
            "account": told,
            "checked_at": timezone.now(),
        },
    )
    return check


def check_key(driver: Driver, *, mode: str, key_ending: str) -> ConnectionCheck:
    """The check of the key in use, made anew. Errors: DriverFailed when Stripe does not know the key."""
    try:
        account = driver.find("account", "")
    except DriverFailed as failure:
        if failure.code != "permission":
            raise
        account = {}
    return keep_check(mode=mode, key_ending=key_ending, permissions=probe(driver, mode), account=account)


def _probe(driver: Driver, need: Need) -> Permission:
    may_read, why = None, ""
    if need.is_read:
        may_read, why = _may(lambda: next(iter(driver.list(need.kind, {})), None))
    may_write = None
    if need.write is not None:
        write = need.write
        may_write, more = _may(lambda: write(driver))
        why = why or more
    return Permission(need.kind, need.words, may_read, may_write, why)


def _may(ask: Callable[[], object]) -> tuple[bool | None, str]:
    """Whether it is allowed, and why that is not known. What is refused for another reason was allowed."""
    try:
        ask()
    except DriverFailed as failure:
        if failure.code == "permission":
            return False, ""
        return (None, str(failure)) if failure.is_passing or failure.code == "authentication" else (True, "")
    return True, ""
