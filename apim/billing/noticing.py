"""Noticing: what Stripe tells that nobody here asked for. It raises an alarm; nobody's access changes by it.

Charges that are disputed, prices changed by hand, usage that was refused after it was taken, an access that was taken
away: an admin looks at each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apim.billing.alarms import drop_alarm, raise_alarm
from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed, Object
from apim.billing.models import BillingAlarm, CatalogueEntry, Customer, OutgoingUsage
from apim.billing.resuming import NOTHING

REPORTS: Final = ("v1.billing.meter.error_report_triggered", "v1.billing.meter.no_meter_found")
_OPEN: Final = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
_UNCOUNTED: Final = "Stripe could not count some usage."
_MARKS: Final = {"price": "apim_part", "product": "apim_product"}


def notice_dispute(connection: Connection, found: Object) -> str:
    """A holder of a card denies a charge: nothing is charged from this payer by itself until it is settled.

    Source: docs.stripe.com/disputes/how-disputes-work. Errors: DriverFailed.
    """
    dispute = connection.driver.find("dispute", str(found["id"]))
    charge = connection.driver.find("charge", _text(dispute["charge"]))
    payer = Customer.objects.filter(mode=connection.mode, stripe_id=_text(charge.get("customer")))
    payer = payer.select_related("organization")
    who = payer.first()
    if who is None:
        return NOTHING
    is_frozen = _is_disputing(connection, who.stripe_id)
    payer.update(is_top_up_frozen=is_frozen)
    if dispute["status"] == "won":
        drop_alarm(connection, BillingAlarm.Kind.DISPUTE, str(dispute["id"]))
        if is_frozen:
            return f"The dispute is won: {who.organization_id} still disputes another charge."
        return f"The dispute is won: {who.organization_id} is charged by itself again."
    text = (
        f"{who.organization} disputes a charge.",
        "Answer it at Stripe in time." if dispute["status"] in _OPEN else "The dispute is lost.",
        "Calls still pass, and credits are not topped up by themselves.",
    )
    raise_alarm(connection, BillingAlarm.Kind.DISPUTE, str(dispute["id"]), "\n".join(text))
    return f"Admins are told that {who.organization_id} disputes a charge."


def _is_disputing(connection: Connection, customer_id: str) -> bool:
    """True while any dispute of the payer is open, or was lost: one that is won says nothing of the others."""
    driver = connection.driver
    disputed = (each for each in driver.list("charge", {"customer": customer_id}) if each["disputed"])
    return any(
        dispute["status"] in (*_OPEN, "lost")
        for charge in disputed
        for dispute in driver.list("dispute", {"charge": charge["id"]})
    )


def notice_drift(connection: Connection, told: Mapping[str, Any], found: Object) -> str:
    """Somebody changed at Stripe by hand what plans are sold by. Errors: DriverFailed."""
    kind, stripe_id = str(found["object"]), str(found["id"])
    entry = CatalogueEntry.objects.filter(mode=connection.mode, kind=kind, stripe_id=stripe_id).first()
    if entry is None or told["type"].endswith(".created"):
        return NOTHING
    why = _drift(connection, entry)
    if not why:
        drop_alarm(connection, BillingAlarm.Kind.DRIFT, stripe_id)
        return f"The {kind} {entry.lookup_key} is as it was made."
    text = (f"The {kind} {entry.lookup_key} was changed at Stripe by hand.", why, "Who has bought it goes on.")
    raise_alarm(connection, BillingAlarm.Kind.DRIFT, stripe_id, "\n".join(text))
    return f"Admins are told that the {kind} {entry.lookup_key} was changed by hand."


def _drift(connection: Connection, entry: CatalogueEntry) -> str:
    try:
        now = connection.driver.find(entry.kind, entry.stripe_id)
    except DriverFailed as failure:
        if failure.is_passing:
            raise
        return "It is gone."
    if now.get("deleted"):
        return "It is gone."
    if not now.get("active"):
        return "It is archived, so plans with it cannot be bought."
    if entry.kind == "price" and now.get("lookup_key") != entry.lookup_key:
        return "Its lookup key is another one."
    return "" if (now.get("metadata") or {}).get(_MARKS[entry.kind]) else "What we wrote into it is gone."


def notice_deauthorized(connection: Connection, found: Object) -> str:
    """Stripe no longer lets us in: all goes on as it stands, and an admin connects it again."""
    text = (
        "Stripe has taken our access away. Nothing is sold or followed until it is connected again; who has access "
        "keeps it."
    )
    raise_alarm(connection, BillingAlarm.Kind.DEAUTHORIZED, str(found.get("id") or "application"), text)
    return "Admins are told that the access was taken away."


def notice_meter_report(connection: Connection, told: Mapping[str, Any]) -> str:
    """Usage that Stripe took and could not count: its parts are put aside, where an admin sees them.

    Source: docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api (handle meter event errors): the
    event names some of them; the event itself is read where only its id was sent. Errors: DriverFailed.
    """
    data = told.get("data") or connection.driver.find("v2.core.event", str(told["id"])).get("data") or {}
    summary = str(data.get("developer_message_summary") or "Stripe names no reason.")
    named = dict(_refused(data))
    parts = OutgoingUsage.objects.filter(
        identifier__in=named, window__subscription__billing__mode=connection.mode
    ).exclude(state=OutgoingUsage.State.DEAD)
    put_aside = 0
    for part in parts:
        part.state, part.retry_at = OutgoingUsage.State.DEAD, None
        part.error = "\n".join(("Stripe could not count it.", named[part.identifier]))[:500]
        part.save(update_fields=["state", "retry_at", "error"])
        put_aside += 1
    meter = (told.get("related_object") or {}).get("id") or "of no meter"
    raise_alarm(connection, BillingAlarm.Kind.METER, str(meter), "\n".join(filter(None, (_UNCOUNTED, summary))))
    return f"{put_aside} parts of usage were put aside."


def _refused(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(identifier, why) of what the report names."""
    for kind in (data.get("reason") or {}).get("error_types") or ():
        for sample in kind.get("sample_errors") or ():
            yield str((sample.get("request") or {}).get("identifier", "")), str(sample.get("error_message", ""))


def _text(reference: object) -> str:
    if isinstance(reference, Mapping):
        return str(reference.get("id", ""))
    return str(reference or "")
