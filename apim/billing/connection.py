"""The connection to Stripe: which key is used, what it may do, and where events of it come from.

The environment wins over the database, so that an installation can be set up without a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.driver import Driver, DriverFailed
from apim.billing.models import Mode, StripeConnection
from apim.billing.probing import faults_of, keep_check, probe
from apim.billing.stripe_driver import StripeDriver, is_live_key
from apim.errors import Conflict, Invalid

_KEY_CONTEXT = "billing.stripe_connection.api_key"
_SECRET_CONTEXT = "billing.stripe_connection.webhook_secret"  # noqa: S105 - what it is sealed for


@dataclass(frozen=True, slots=True)
class Connection:
    """What is used now. Shapes: account "" = not known yet; webhook_secret "" = events are refused."""

    mode: str
    driver: Driver
    webhook_secret: str
    account: str


def account_of(connection: Connection) -> str:
    """The id of the account that is connected; "" where the key may not say. Errors: DriverFailed."""
    return connection.account or connection.driver.account_id()


def find_connection() -> Connection | None:
    """The connection in use; None where nothing is for sale."""
    if settings.STRIPE_API_KEY:
        mode = _mode_of(settings.STRIPE_API_KEY)
        driver = StripeDriver(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)
        return Connection(mode, driver, settings.STRIPE_WEBHOOK_SECRET, "")
    row = StripeConnection.objects.filter(is_active=True).first()
    if row is None:
        return None
    return _connection_by(row)


def _connection_by(row: StripeConnection) -> Connection:
    key = settings.KEYRING.unseal(bytes(row.sealed_api_key), _KEY_CONTEXT).decode()
    sealed = bytes(row.sealed_webhook_secret)
    secret = settings.KEYRING.unseal(sealed, _SECRET_CONTEXT).decode() if sealed else ""
    return Connection(row.mode, StripeDriver(key, settings.STRIPE_API_BASE), secret, row.account_id)


def connection_of(mode: str, account: str) -> Connection | None:
    """The connection whose key of the mode and account is kept, in use or not; None when there is none."""
    row = StripeConnection.objects.filter(mode=mode, account_id=account).first()
    return _connection_by(row) if row is not None and not settings.STRIPE_API_KEY else None


def is_connected() -> bool:
    """True when something can be bought here."""
    return bool(settings.STRIPE_API_KEY) or StripeConnection.objects.filter(is_active=True).exists()


def mode_in_use() -> str:
    """The mode of what is connected; "" where nothing is. Asks nobody."""
    if settings.STRIPE_API_KEY:
        return _mode_of(settings.STRIPE_API_KEY)
    return StripeConnection.objects.filter(is_active=True).values_list("mode", flat=True).first() or ""


def key_ending() -> str:
    """The last letters of the key in use; "" where nothing is connected."""
    if settings.STRIPE_API_KEY:
        return str(settings.STRIPE_API_KEY[-4:])
    return StripeConnection.objects.filter(is_active=True).values_list("key_ending", flat=True).first() or ""


def require_connection() -> Connection:
    """The connection in use. Errors: billing.not_connected."""
    connection = find_connection()
    if connection is None:
        raise Conflict(
            "billing.not_connected",
            gettext("Payments are not set up here."),
            hint=gettext("Ask the administrators to connect Stripe."),
        )
    return connection


def connect_stripe(*, api_key: str, webhook_secret: str, by: Actor) -> StripeConnection:
    """The connection by this key, which is asked what it may do; the one in use from now on.

    Errors: Invalid billing.key_refused; what the key may not do is kept as faults, in words.
    """
    driver = StripeDriver(api_key, settings.STRIPE_API_BASE)
    account = _account_of_key(driver)
    permissions = probe(driver, _mode_of(api_key))
    with transaction.atomic():  # not while Stripe is asked
        keep_check(mode=_mode_of(api_key), key_ending=api_key[-4:], permissions=permissions, account=account)
        return _keep(api_key, webhook_secret, account=account, faults=faults_of(permissions), by=by)


def _mode_of(api_key: str) -> str:
    return Mode.LIVE if is_live_key(api_key) else Mode.TEST


def _keep(
    api_key: str, webhook_secret: str, *, account: Mapping[str, Any], faults: list[str], by: Actor
) -> StripeConnection:
    mode = _mode_of(api_key)
    StripeConnection.objects.exclude(mode=mode).update(is_active=False)
    sealed_secret = settings.KEYRING.seal(webhook_secret.encode(), _SECRET_CONTEXT) if webhook_secret else b""
    row, _ = StripeConnection.objects.update_or_create(
        mode=mode,
        defaults={
            "is_active": True,
            "sealed_api_key": settings.KEYRING.seal(api_key.encode(), _KEY_CONTEXT),
            "sealed_webhook_secret": sealed_secret,
            "account_id": account.get("id", ""),
            "account_name": ((account.get("business_profile") or {}).get("name") or "")[:200],
            "key_ending": api_key[-4:],
            "faults": faults,
            "checked_at": timezone.now(),
        },
    )
    record(by=by, action="billing.connect", target=row, after={"account": row.account_id, "mode": mode})
    return row


@transaction.atomic
def disconnect_stripe(*, by: Actor) -> None:
    """Nothing can be bought any more; who subscribed goes on as it stands."""
    for row in StripeConnection.objects.select_for_update():
        record(by=by, action="billing.disconnect", target=row, before={"account": row.account_id, "mode": row.mode})
        row.delete()


def _account_of_key(driver: Driver) -> Mapping[str, Any]:
    """The key's account; empty where the key may not read it. Errors: Invalid billing.key_refused."""
    try:
        return driver.find("account", "")
    except DriverFailed as failure:
        if failure.code != "permission":
            hint = gettext("Copy it again from the page of API keys at Stripe.")
            raise Invalid(
                "billing.key_refused",
                gettext("Stripe says: %(failure)s") % {"failure": failure},
                field="api_key",
                hint=hint,
            ) from failure
        return {}
