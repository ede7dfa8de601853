"""Customers: who stands for an organization at Stripe, at the account that is connected."""

from __future__ import annotations

from typing import Final

from apim.accounts.models import Organization
from apim.billing.connection import Connection, account_of
from apim.billing.driver import DriverFailed
from apim.billing.models import Customer

_OUR_ORGANIZATION: Final = "apim_org"


def ensure_customer(connection: Connection, organization: Organization) -> str:
    """The id of the organization's customer, made when it has none at this account. Errors: DriverFailed."""
    known = find_customer(connection, organization)
    if known is not None:
        return known.stripe_id
    params = {"name": organization.display_name, "metadata": {_OUR_ORGANIZATION: organization.id}}
    made = connection.driver.make("customer", params, key=f"apim:customer:{organization.id}")
    customer, _ = Customer.objects.get_or_create(
        organization=organization,
        mode=connection.mode,
        account_id=account_of(connection),
        defaults={"stripe_id": made["id"]},
    )
    return customer.stripe_id


def find_customer(connection: Connection, organization: Organization | str) -> Customer | None:
    """The organization's customer at this account; None while it has bought nothing there. Errors: DriverFailed."""
    account = account_of(connection)
    payers = Customer.objects.filter(organization=organization, mode=connection.mode)
    return payers.filter(account_id=account).first() or _adopted(
        connection, payers.filter(account_id="").first(), account
    )


def _adopted(connection: Connection, unnamed: Customer | None, account: str) -> Customer | None:
    """The customer that was made before its account was known, when this account has it."""
    if unnamed is None:
        return None
    try:
        connection.driver.find("customer", unnamed.stripe_id)
    except DriverFailed as failure:
        if failure.is_passing:
            raise
        return None
    unnamed.account_id = account
    unnamed.save(update_fields=["account_id"])
    return unnamed
