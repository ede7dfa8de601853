"""What billing does by the clock: apply events, follow dunning, repair. Each task is harmless when it runs twice."""

from __future__ import annotations

from celery import shared_task
from django.db import transaction

from apim import broker
from apim.billing import (
    caps,
    checkout,
    dunning,
    events,
    metering,
    migrating,
    reconciling,
    refunding,
    rehearsing,
    switch_finishing,
    true_ups,
)
from apim.billing.connection import find_connection
from apim.billing.credits import automatic, drawing


def announce_event(event_id: str) -> None:
    """Have an event applied once it is stored; without a broker the periodic task finds it within seconds."""
    transaction.on_commit(lambda: broker.announce(apply_event.name, (event_id,)))


@shared_task(name="apim.billing.tasks.apply_event")
def apply_event(event_id: str) -> None:
    """Apply an event that has just come."""
    connection = find_connection()
    if connection is not None:
        events.apply_event(connection, event_id)


@shared_task(name="apim.billing.tasks.apply_due_events")
def apply_due_events() -> None:
    """Apply what a lost message or a failure left behind."""
    connection = find_connection()
    if connection is None:
        return
    for event_id in events.due_events():
        events.apply_event(connection, event_id)


@shared_task(name="apim.billing.tasks.look_after_payments")
def look_after_payments() -> None:
    """Follow the clock of dunning, end at Stripe what has ended here, and finish what was left on the way."""
    connection = find_connection()
    if connection is None:
        return
    dunning.follow_clock(connection)
    checkout.close_what_is_over(connection)
    dunning.end_what_is_over(connection)
    refunding.finish_due(connection)
    switch_finishing.finish_switches(connection)


@shared_task(name="apim.billing.tasks.tell_usage")
def tell_usage() -> None:
    """Tell Stripe what meters have counted since."""
    connection = find_connection()
    if connection is not None:
        metering.count_usage(connection)
        metering.send_usage(connection)
        true_ups.true_up_drafts(connection)


@shared_task(name="apim.billing.tasks.watch_spending")
def watch_spending() -> None:
    """Hold to caps, and tell who uses much. Asks nobody: it goes on while Stripe is away."""
    caps.watch_spending()


@shared_task(name="apim.billing.tasks.repair_billing")
def repair_billing() -> None:
    """Take in the events of the last days that never reached us, and late usage; compare every invoice."""
    connection = find_connection()
    if connection is not None:
        events.repair(connection)
        metering.count_usage(connection, metering.LONG_LOOK_BACK)
        metering.send_usage(connection)
        reconciling.reconcile(connection)


@shared_task(name="apim.billing.tasks.rehearse")
def rehearse(rehearsal_id: str) -> None:
    """Take the next step of a rehearsal, and have the one after it taken."""
    if rehearsing.take_step(rehearsal_id):
        rehearsing.announce(rehearsal_id)


@shared_task(name="apim.billing.tasks.tend_rehearsals")
def tend_rehearsals() -> None:
    """Go on with rehearsals whose message was lost, and remove what is left of those that have ended."""
    rehearsing.tend_rehearsals()


@shared_task(name="apim.billing.tasks.draw_credits")
def draw_credits() -> None:
    """Take from credits what was used since, and buy top-ups where that was wished for."""
    drawing.draw_all()
    connection = find_connection()
    if connection is not None:
        automatic.buy_due(connection)


@shared_task(name="apim.billing.tasks.draw_late_usage")
def draw_late_usage() -> None:
    """Take from credits what was used in the last days and came late."""
    drawing.draw_all(drawing.LONG_LOOK_BACK)


@shared_task(name="apim.billing.tasks.advance_migrations")
def advance_migrations() -> None:
    """Give subscribers who are being moved their new version with the renewal that it is for."""
    migrating.advance_migrations(find_connection())
