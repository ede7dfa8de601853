"""Closing: the hosted page of a top-up is open only while what it sells can be had, so nobody pays for nothing."""

from __future__ import annotations

import logging

from django.db.models import QuerySet

from apim.access.models import Subscription
from apim.billing.connection import Connection
from apim.billing.credits.settling import sync_top_up
from apim.billing.credits.terms import wanted_version
from apim.billing.driver import DriverFailed
from apim.billing.models import TopUp
from apim.billing.standing import Unmatched

logger = logging.getLogger(__name__)


def close_top_ups(connection: Connection, subscription: Subscription) -> bool:
    """True when the pages of the subscription's top-ups are closed; False when one of them was paid before.

    Errors: DriverFailed; Unmatched.
    """
    closed = [_close(connection, each) for each in _open_ones(connection, subscription=subscription)]
    return all(each.state not in (TopUp.State.OPEN, TopUp.State.PAID) for each in closed)


def close_stale_top_ups(connection: Connection) -> int:
    """How many pages were closed of subscriptions that are over, or for which another plan was chosen since."""
    of = ("subscription__plan_version", "subscription__requested_plan_version", "bought")
    closed = 0
    for top_up in _open_ones(connection).select_related(*of):
        if _is_wanted(top_up):
            continue
        try:
            closed += _close(connection, top_up).state == TopUp.State.EXPIRED
        except (DriverFailed, Unmatched) as fault:
            logger.warning("the page of top-up %s could not be closed: %s", top_up.id, fault)
    return closed


def _open_ones(connection: Connection, **of: object) -> QuerySet[TopUp]:
    pages = TopUp.objects.filter(mode=connection.mode, kind=TopUp.Kind.CHECKOUT, state=TopUp.State.OPEN, **of)
    return pages.exclude(session_id="")


def _is_wanted(top_up: TopUp) -> bool:
    version = wanted_version(top_up.subscription)
    return (
        top_up.subscription.is_live and version.plan_id == top_up.bought.plan_id and version.terms.prepaid is not None
    )


def _close(connection: Connection, top_up: TopUp) -> TopUp:
    """The top-up after its page was closed, or as it was paid. Errors: DriverFailed; Unmatched."""
    if connection.driver.find("checkout.session", top_up.session_id)["status"] == "open":
        connection.driver.act("checkout.session", top_up.session_id, "expire", {})
    return sync_top_up(connection, top_up)
