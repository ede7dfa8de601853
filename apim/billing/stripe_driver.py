"""Stripe, through its own package: the one module that imports it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import stripe

from apim.billing.driver import DriverFailed, Object, SignatureInvalid

TOLERANCE_S: Final = 300
_PAGE: Final = 100
_TIMEOUT_S: Final = 20

# Where each kind lives in the client, below `v1`.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "account": ("accounts",),
    "billing.meter": ("billing", "meters"),
    "billing.meter.event_summary": ("billing", "meters", "event_summaries"),
    "billing.meter_event": ("billing", "meter_events"),
    "billing_portal.configuration": ("billing_portal", "configurations"),
    "billing_portal.session": ("billing_portal", "sessions"),
    "charge": ("charges",),
    "checkout.session": ("checkout", "sessions"),
    "credit_note": ("credit_notes",),
    "customer": ("customers",),
    "customer.balance_transaction": ("customers", "balance_transactions"),
    "dispute": ("disputes",),
    "event": ("events",),
    "invoice": ("invoices",),
    "invoice.line_item": ("invoices", "line_items"),
    "invoice_payment": ("invoice_payments",),
    "invoiceitem": ("invoice_items",),
    "payment_intent": ("payment_intents",),
    "payment_method": ("payment_methods",),
    "price": ("prices",),
    "product": ("products",),
    "refund": ("refunds",),
    "setup_intent": ("setup_intents",),
    "subscription": ("subscriptions",),
    "subscription_schedule": ("subscription_schedules",),
    "v2.core.event": ("core", "events"),
    "test_helpers.test_clock": ("test_helpers", "test_clocks"),
}


class StripeDriver:
    """Stripe's API with one secret key."""

    def __init__(self, api_key: str, base: str = "") -> None:
        """base is another address than Stripe's own, for a server to test against."""
        self._key, self._base = api_key, base
        options: dict[str, Any] = {"base_addresses": {"api": base}} if base else {}
        http_client = stripe.RequestsClient(timeout=_TIMEOUT_S)
        self._client = stripe.StripeClient(api_key, http_client=http_client, max_network_retries=1, **options)

    def account_id(self) -> str:
        """The id of the account; "" where the key may not say. A key stays with its account: it is asked once."""
        return _account_of(self._key, self._base)

    def find(self, kind: str, key: str) -> Object:
        """The object as Stripe has it now; the own account for an empty key."""
        if kind == "account" and not key:
            return self._ask(self._client.v1.accounts.retrieve_current)
        return self._ask(self._place(kind).retrieve, key)

    def list(self, kind: str, params: Mapping[str, Any], *, of: str = "") -> Iterator[Object]:
        """All pages, newest first."""
        asked, last = dict(params) | {"limit": _PAGE}, ""
        while True:
            page = self._ask(
                self._place(kind).list, *([of] if of else []), params=asked | ({"starting_after": last} if last else {})
            )
            yield from page["data"]
            if not page["has_more"] or not page["data"]:
                return
            last = page["data"][-1]["id"]

    def make(self, kind: str, params: Mapping[str, Any], *, key: str) -> Object:
        """A new object, under the idempotency key."""
        return self._ask(self._place(kind).create, params=dict(params), options={"idempotency_key": key})

    def change(self, kind: str, of: str, params: Mapping[str, Any], *, key: str = "") -> Object:
        """The object, changed."""
        return self._ask(self._place(kind).update, of, params=dict(params), options=_options(key))

    def act(self, kind: str, of: str, verb: str, params: Mapping[str, Any], *, key: str = "") -> Object:
        """The object after the verb; of "" where the verb is about no object yet, such as `preview`."""
        ids = [of] if of else []
        return self._ask(getattr(self._place(kind), verb), *ids, params=dict(params), options=_options(key))

    def _place(self, kind: str) -> Any:
        place: Any = self._client.v2 if kind.startswith("v2.") else self._client.v1
        for name in _PLACES[kind]:
            place = getattr(place, name)
        return place

    def _ask(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Object:
        try:
            answer = method(*arguments, **options)
        except stripe.StripeError as error:
            raise _failure(error) from error
        # Decimals of the package become the texts that Stripe sent: what comes back is plain JSON.
        found: Object = json.loads(json.dumps(answer.to_dict(), default=str))
        return found


@functools.lru_cache(maxsize=64)
def _account_of(api_key: str, base: str) -> str:
    try:
        return str(StripeDriver(api_key, base).find("account", "")["id"])
    except DriverFailed as failure:
        if failure.code == "permission":
            return ""
        raise


def read_event(body: bytes, signature: str, secret: str) -> Object:
    """The event in a webhook's body, signed by Stripe within the last five minutes.

    Errors: SignatureInvalid; it is told before the body is read as JSON.
    """
    try:
        text = body.decode()
        if sum(part.strip().startswith("t=") for part in signature.split(",")) != 1:
            raise SignatureInvalid("The signature has not one time.")
        stripe.WebhookSignature.verify_header(text, signature, secret, tolerance=TOLERANCE_S)
        event = json.loads(text)
    except (stripe.SignatureVerificationError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SignatureInvalid(str(error)) from error
    is_thin = isinstance(event, dict) and event.get("object") == "v2.core.event"  # it only says where to look
    if not isinstance(event, dict) or not (is_thin or isinstance(event.get("data"), dict)):
        raise SignatureInvalid("The body is no event.")
    return event


def is_live_key(api_key: str) -> bool:
    """True for a key that moves real money."""
    return "_live_" in api_key


def _failure(error: stripe.StripeError) -> DriverFailed:
    status = error.http_status or 0
    is_passing = isinstance(error, stripe.APIConnectionError | stripe.RateLimitError) or status >= 500  # noqa: PLR2004
    message = error.user_message or str(error) or type(error).__name__
    return DriverFailed(message, is_passing=is_passing, code=_code_of(error))


def _code_of(error: stripe.StripeError) -> str:
    """Stripe's own code; the package copies that of some answers only, and none of a 409."""
    told = error.error.code if error.error is not None else None
    return error.code or told or _kind_of(error)


def _kind_of(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.PermissionError):
        return "permission"
    return "authentication" if isinstance(error, stripe.AuthenticationError) else ""


def _options(key: str) -> Any:
    return {"idempotency_key": key} if key else {}
