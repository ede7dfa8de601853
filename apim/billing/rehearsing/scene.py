"""The scene of a rehearsal: a customer of its own on a test clock, and its removal without a trace.

The customer subscribes without the portal's forms: approval and invitation are people's business, not money's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from apim.access import records
from apim.access.models import Credential, Subscription
from apim.access.services import create_application, create_credential
from apim.access.services.subscriptions import emit_subscription
from apim.accounts.models import Organization
from apim.accounts.services.organizations import create_organization
from apim.audit.actor import system_actor
from apim.billing.connection import Connection, account_of
from apim.billing.driver import DriverFailed
from apim.billing.models import Customer, Rehearsal
from apim.billing.rehearsing.walk import Walk
from apim.usage.models import UsageRollup
from apim.usage.records import Asked, record_log
from apim.usage.withdrawal import take_out

ACTOR: Final = system_actor("rehearsal")
GOOD_CARD, BROKEN_CARD = "pm_card_visa", "pm_card_chargeCustomerFail"  # docs.stripe.com/testing
LEAD: Final = timedelta(hours=3)  # of the first paid period before the present, so that real calls fall into it
_KEY_CONTEXT = "billing.rehearsal.key"


def set_scene(walk: Walk) -> None:
    """The customer at Stripe and here, with a key, waiting to pay. What stands already is not made again.

    Errors: DriverFailed.
    """
    rehearsal, driver = walk.rehearsal, walk.connection.driver
    if not rehearsal.clock_id:
        name = f"apim {rehearsal.id}"
        params = {"frozen_time": int(beginning(rehearsal).timestamp()), "name": name}
        clock = driver.make("test_helpers.test_clock", params, key=f"apim:{rehearsal.id}:clock")
        _keep(rehearsal, clock_id=clock["id"])
        walk.note(f"Stripe made the test clock {clock['id']}.")
    if not rehearsal.customer_id:
        params = {"test_clock": rehearsal.clock_id, "name": f"Rehearsal of {rehearsal.plan}"}
        customer = driver.make("customer", params, key=f"apim:{rehearsal.id}:customer")
        _keep(rehearsal, customer_id=customer["id"])
        use_card(walk, GOOD_CARD)
        walk.note(f"Stripe made the customer {customer['id']} with a card that is charged well.")
    if rehearsal.organization_id is None:
        _enter(rehearsal, walk.connection.mode, account_of(walk.connection))
        walk.note(f"An organization of its own, {rehearsal.organization}, has an application and a key.")


def beginning(rehearsal: Rehearsal) -> datetime:
    """When the customer's clock begins: so long ago that what is paid first begins three hours before the present."""
    trial = rehearsal.plan_version.terms.trial
    return rehearsal.created_at - LEAD - timedelta(days=trial.days if trial else 0)


def use_card(walk: Walk, name: str) -> str:
    """The id of the test card, the customer's default one from now on."""
    driver, customer = walk.connection.driver, walk.rehearsal.customer_id
    card = str(driver.act("payment_method", name, "attach", {"customer": customer})["id"])
    driver.change("customer", customer, {"invoice_settings": {"default_payment_method": card}})
    return card


def key_of(rehearsal: Rehearsal) -> str:
    """The key that the customer calls with."""
    return settings.KEYRING.unseal(bytes(rehearsal.sealed_key), _KEY_CONTEXT).decode()


@transaction.atomic
def _enter(rehearsal: Rehearsal, mode: str, account: str) -> None:
    """The customer here: an organization with an application, a key, and a subscription that waits for its payment."""
    name = rehearsal.id.replace("_", "-")
    organization = create_organization(name=name, display_name=f"Rehearsal of {rehearsal.plan}"[:120], by=ACTOR)
    Customer.objects.create(organization=organization, mode=mode, account_id=account, stripe_id=rehearsal.customer_id)
    application = create_application(organization=organization, name="rehearsal", by=ACTOR)
    subscription = Subscription.objects.create(
        organization=organization,
        product=rehearsal.product,
        environment=rehearsal.environment,
        plan_version=rehearsal.plan_version,
        lifecycle=Subscription.Lifecycle.PENDING,
        awaits_payment=True,
        requested_by=ACTOR.label,
    )
    subscription.applications.add(application)
    issued = create_credential(
        application=application, by=ACTOR, environment=rehearsal.environment, product=rehearsal.product
    )
    sealed = settings.KEYRING.seal(issued.key.encode(), _KEY_CONTEXT)
    _keep(rehearsal, organization=organization, subscription_ref=subscription.id, sealed_key=sealed)
    emit_subscription(subscription)


def remove(connection: Connection | None, rehearsal: Rehearsal) -> None:
    """Nothing of the customer is left: not at Stripe, not here, not at gateways. Errors: DriverFailed.

    What Stripe told meanwhile stays in the log of events, what was done in the audit log: both are only added to.
    """
    if rehearsal.clock_id and connection is not None:
        try:
            connection.driver.act("test_helpers.test_clock", rehearsal.clock_id, "delete", {})
        except DriverFailed as failure:
            if failure.code != "resource_missing":
                raise
    _leave(rehearsal)


@transaction.atomic
def _leave(rehearsal: Rehearsal) -> None:
    organization = Organization.objects.filter(rehearsal=rehearsal).first()
    if organization is not None:
        credentials = list(Credential.objects.filter(application__organization=organization))
        gone = [records.removed_credential(each) for each in credentials]
        gone += [records.removed_application(each) for each in organization.applications.all()]
        gone += [records.removed_subscription(each.id) for each in organization.subscriptions.all()]
        gone.append(records.removed_organization(organization))
        organization.delete()
        records.emit(records.Affected(gone=tuple(gone)), environment_ids=[rehearsal.environment_id])
    forget_usage(rehearsal)
    _keep(rehearsal, organization=None, sealed_key=b"", is_removed=True)


def forget_usage(rehearsal: Rehearsal) -> None:
    """What the customer's calls added to the statistics is taken out again; what was set down is in no others."""
    if rehearsal.subscription_ref:
        UsageRollup.objects.filter(**set_down(rehearsal)).delete()
        of_it: dict[str, Any] = {"at__gte": beginning(rehearsal), "subscription_id": rehearsal.subscription_ref}
        record_log().forget(Asked({"subscription_id": [rehearsal.subscription_ref]}, since=beginning(rehearsal)))
        take_out(UsageRollup.objects.filter(**of_it))


def set_down(rehearsal: Rehearsal) -> dict[str, Any]:
    """By what usage that nobody called is told from calls: it is of no API and of no application."""
    return {"subscription_id": rehearsal.subscription_ref, "application_id": "", "version_id": ""}


def _keep(rehearsal: Rehearsal, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(rehearsal, name, value)
    rehearsal.save(update_fields=list(fields))
