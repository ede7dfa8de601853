"""Sessions: the hosted pages of Stripe that people are sent to, for buying, for a card, for invoices and tax ids.

The page of cards has a configuration of our own: what an account offers by default may cancel or switch, past us.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.accounts.models import Organization
from apim.billing.catalogue import line_items, portal_configuration
from apim.billing.connection import Connection, require_connection
from apim.billing.customers import find_customer
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.standing import OUR_ID, OUR_VERSION
from apim.errors import Conflict
from apim.pricing.clauses import Trial
from apim.products.models import PlanVersion


def open_portal(*, organization: Organization, return_url: str) -> str:
    """The address of the hosted page of cards, invoices and tax ids.

    Errors: billing.not_connected, billing.no_customer, billing.provider_failed.
    """
    return _open_portal(organization, {"return_url": return_url})


def open_card_page(*, subscription: Subscription, return_url: str) -> str:
    """The address of the hosted page on which a card is added, and nothing else.

    Source: docs.stripe.com/customer-management/portal-deep-links (payment_method_update).
    Errors: billing.not_connected, billing.no_customer, billing.provider_failed.
    """
    flow = {
        "type": "payment_method_update",
        "after_completion": {"type": "redirect", "redirect": {"return_url": return_url}},
    }
    return _open_portal(subscription.organization, {"return_url": return_url, "flow_data": flow})


def _open_portal(organization: Organization, params: dict[str, Any]) -> str:
    connection = require_connection()
    try:
        customer = find_customer(connection, organization)
        if customer is None:
            raise Conflict(
                "billing.no_customer", _("%(organization)s has bought nothing yet.") % {"organization": organization}
            )
        params |= {"customer": customer.stripe_id, "configuration": portal_configuration(connection)}
        key = f"apim:portal:{customer.stripe_id}:{timezone.now().timestamp():.6f}"
        return str(connection.driver.make("billing_portal.session", params, key=key)["url"])
    except DriverFailed as failure:
        raise provider_failed(failure) from failure


def checkout_params(
    connection: Connection, subscription: Subscription, version: PlanVersion, *, customer: str, trial: Trial | None
) -> dict[str, Any]:
    """What a checkout of the plan version is made from. Errors: DriverFailed; Conflict billing.not_sellable."""
    data: dict[str, Any] = {"metadata": {OUR_ID: subscription.id, OUR_VERSION: version.id}}
    params: dict[str, Any] = {
        "mode": "subscription",
        "customer": customer,
        "client_reference_id": subscription.id,
        "line_items": line_items(connection, subscription.product, version),
        "metadata": {OUR_ID: subscription.id},
        "billing_address_collection": "required",
        "customer_update": {"address": "auto", "name": "auto"},
        "tax_id_collection": {"enabled": True},
        "subscription_data": data,
    }
    if trial is not None:
        behavior = "pause" if trial.on_end_without_card == "pause" else "cancel"
        data["trial_period_days"] = trial.days
        data["trial_settings"] = {"end_behavior": {"missing_payment_method": behavior}}
        is_needed = trial.payment_method == "required"
        params["payment_method_collection"] = "always" if is_needed else "if_required"
    return params
