"""Previews of changes of plan: what would be charged now, when the plan would hold, and what becomes of usage."""

from __future__ import annotations

from dataclasses import dataclass

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.metering import tell_last_usage
from apim.billing.models import BillingSubscription
from apim.billing.switch_charges import Charge, preview_charge
from apim.billing.switching import Switch, plan_switch, update_params
from apim.products.models import Plan


@dataclass(frozen=True, slots=True)
class SwitchPreview:
    """A change of plan before it is made. Shapes: charge None = nothing is charged or given back now."""

    switch: Switch
    charge: Charge | None
    shown_at: int | None


def preview_switch(*, subscription: Subscription, plan: Plan) -> SwitchPreview:
    """What choosing the plan would do. Nothing is changed; usage so far is told, for it is part of the charge.

    Errors: those of plan_switch; billing.provider_failed.
    """
    connection = require_connection()
    try:
        switch = plan_switch(connection, subscription, plan)
        if not switch.is_charged:
            return SwitchPreview(switch, None, None)
        tell_last_usage(connection, subscription.id)
        mirror = BillingSubscription.objects.get(subscription=subscription)
        found = connection.driver.find("subscription", mirror.stripe_id)
        at = switch.at.replace(microsecond=0)
        params = update_params(connection, switch, found, at)
        charge = preview_charge(connection, switch.subscription, switch.version.terms, found=found, params=params)
    except DriverFailed as failure:
        raise provider_failed(failure) from failure
    return SwitchPreview(switch, charge, int(at.timestamp()))
