"""Subscriptions. Source: docs.stripe.com/api/subscriptions, docs.stripe.com/billing/subscriptions/overview."""

from __future__ import annotations

from tests.stripe_server.billing import collection, cycles, invoicing, updates
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.objects import subscription_items
from tests.stripe_server.objects.subscription_starts import attached, begin, one_offs, set_cancel
from tests.stripe_server.parameters import customer_of, metadata, only, put
from tests.stripe_server.rendering import as_list, presents
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_SHARED = (
    "add_invoice_items", "billing_cycle_anchor", "cancel_at", "cancel_at_period_end", "collection_method",
    "days_until_due", "default_payment_method", "description", "items", "metadata", "off_session",
    "payment_behavior", "payment_settings", "proration_behavior", "trial_end", "trial_settings",
)  # fmt: skip
_CREATED = ("customer", "currency", "billing_mode", "trial_period_days", "billing_cycle_anchor_config", *_SHARED)
_UPDATED = ("proration_date", "pause_collection", "cancellation_details", *_SHARED)
# What a pending update may hold, by docs.stripe.com/billing/subscriptions/pending-updates-reference.
_PENDING = {"items", "payment_behavior", "proration_behavior", "proration_date", "billing_cycle_anchor", "trial_end",
            "add_invoice_items", "off_session"}  # fmt: skip

route("GET", "/v1/subscriptions/{id}", "SubscriptionRetrieveParams", "subscription")(retrieve("subscription"))


@presents("subscription")
def present_subscription(mode: Mode, found: Object) -> Object:
    items = cycles.items_of(mode, found)
    shown: Object = {"items": as_list(mode, items, f"/v1/subscription_items?subscription={found['id']}")}
    shown["items"]["total_count"] = len(items)
    pending = found.get("pending_update")
    if pending:
        data = [subscription_items.present_item(mode, item) | _plain(item) for item in pending["subscription_items"]]
        shown["pending_update"] = pending | {"subscription_items": data}
    return shown


def _plain(item: Object) -> Object:
    return {name: value for name, value in item.items() if not name.startswith("_") and name != "price"}


@route("POST", "/v1/subscriptions", "SubscriptionCreateParams", "subscription")
def create_subscription(mode: Mode, params: Object) -> Object:
    only(params, *_CREATED)
    customer = customer_of(mode, params)
    if not params.get("items"):
        raise missing_parameter("items")
    made = begin(mode, customer, params)
    behavior = params.get("payment_behavior", "allow_incomplete")
    invoice = mode.get("invoice", made["latest_invoice"])
    if invoice["status"] != "draft":
        return made
    automatic = made["collection_method"] == "charge_automatically"
    if behavior == "default_incomplete" or not automatic:
        invoicing.finalize(mode, invoice)
        if invoice["status"] == "paid":
            collection.paid(mode, invoice)
        elif not automatic:
            made["status"] = "active"
            emit(mode, "invoice.sent", invoice)
            emit(mode, "customer.subscription.updated", made)
        return made
    if invoice["amount_due"] > 0 and collection.method_for(mode, invoice) is None:
        raise _no_method()
    error = collection.finalize_and_collect(mode, invoice)
    if error is not None and behavior == "error_if_incomplete":
        error.keeps_changes = False
        raise error
    return made


def _no_method() -> Exception:
    return invalid(
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit "
        "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
        code="resource_missing",
    )


@route("POST", "/v1/subscriptions/{id}", "SubscriptionUpdateParams", "subscription")
def update_subscription(mode: Mode, params: Object, key: str) -> Object:
    only(params, *_UPDATED)
    found = mode.get("subscription", key, status=404)
    check_open(found, params)
    apply_fields(mode, found, params)
    now = mode.now(found["test_clock"])
    specs = subscription_items.check_specs(mode, params.get("items", []), found)
    params = params | ({"items": specs} if specs else {})
    extra = one_offs(mode, params, found, now, cycles.period_end(mode, found))
    updates.update(mode, found, params, extra)
    set_cancel(mode, found, params)
    return found


def check_open(found: Object, params: Object) -> None:
    """Errors: StripeError for a change that the subscription's state forbids."""
    if found["status"] in {"canceled", "incomplete_expired"} and set(params) - {"metadata", "cancellation_details"}:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    if params.get("payment_behavior") == "pending_if_incomplete":
        for name in params:
            if name not in _PENDING:
                raise invalid(
                    f"You cannot update {name} when `payment_behavior` is `pending_if_incomplete`.", param=name
                )
        if found["collection_method"] == "send_invoice":
            raise invalid("You can only use pending updates with `collection_method=charge_automatically`.")
    if found.get("pending_update") and set(params) & {"items", "trial_end", "billing_cycle_anchor"}:
        raise invalid("You cannot update a subscription with a pending update; void or pay its invoice first.")
    if found["schedule"] and set(params) & {"cancel_at", "cancel_at_period_end"}:
        raise invalid(
            f"The subscription is managed by the subscription schedule `{found['schedule']}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead."
        )


def apply_fields(mode: Mode, found: Object, params: Object) -> None:
    """Set what causes neither proration nor invoice."""
    customer = mode.get("customer", found["customer"])
    if params.get("default_payment_method"):
        found["default_payment_method"] = attached(mode, params["default_payment_method"], customer)
    put(found, params, "description", "collection_method", "days_until_due", "pause_collection")
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    settings = params.get("payment_settings", {})
    put(found["payment_settings"], settings, "save_default_payment_method", "payment_method_types")
    if "trial_settings" in params:
        found["trial_settings"]["end_behavior"] |= params["trial_settings"]["end_behavior"]


@route("GET", "/v1/subscriptions", "SubscriptionListParams", "subscription")
def list_subscriptions(mode: Mode, params: Object) -> Listing:
    """Ended ones only when asked for. Source: docs.stripe.com/api/subscriptions/list."""
    only(params, "customer", "price", "status", "collection_method", "test_clock", "created", "limit",
         "starting_after", "ending_before")  # fmt: skip
    equal = {name: params[name] for name in ("customer", "collection_method", "test_clock") if name in params}
    found = [each for each in mode.all("subscription", **equal) if is_created_within(each, params)]
    status = params.get("status")
    if status is None:
        found = [each for each in found if each["status"] != "canceled"]
    elif status == "ended":
        found = [each for each in found if each["status"] in {"canceled", "incomplete_expired"}]
    elif status != "all":
        found = [each for each in found if each["status"] == status]
    if "price" in params:
        found = [s for s in found if any(i["price"] == params["price"] for i in cycles.items_of(mode, s))]
    return Listing("subscription", found)
