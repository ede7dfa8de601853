"""Stripe: whether the key works, events are applied and usage is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cryptography.exceptions import InvalidTag
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.billing.connection import find_connection, mode_in_use
from apim.billing.driver import DriverFailed
from apim.billing.models import ConnectionCheck, OutgoingUsage, StripeEvent
from apim.platform.health.verdicts import Verdict, amber, green, red

LATE_AFTER: Final = timedelta(minutes=2)
_PAGE: Final = "/console/admin/billing"
_EVENTS: Final = "/console/admin/billing/events"


def stripe() -> Verdict:
    """Whether Stripe takes the key, and the key may do what is needed."""
    try:
        connection = find_connection()
    except InvalidTag:
        return red(gettext("The key to Stripe cannot be opened with this keyring. Connect it again."), page=_PAGE)
    if connection is None:
        return green(gettext("Stripe is not connected: nothing with a price is sold."))
    try:
        connection.driver.account_id()
    except DriverFailed as failure:
        if failure.is_passing:
            return red(gettext("Stripe does not answer: %(reason)s") % {"reason": failure}, page=_PAGE)
        if not connection.account:
            return red(gettext("Stripe refuses the key: %(reason)s") % {"reason": failure}, page=_PAGE)
    check = ConnectionCheck.objects.filter(mode=connection.mode).first()
    faults = [each["fault"] for each in check.permissions if each.get("fault")] if check else []
    if faults:
        return red(" ".join(faults), page=_PAGE)
    return green(gettext("Stripe takes the %(mode)s key.") % {"mode": connection.mode})


def webhooks() -> Verdict:
    """Whether events of Stripe are applied in time, and none was given up."""
    mode = mode_in_use()
    if not mode:
        return green(gettext("Stripe is not connected."))
    events = StripeEvent.objects.filter(mode=mode)
    dead = events.filter(state=StripeEvent.State.DEAD).count()
    if dead:
        text = ngettext("%(count)d event could not be applied.", "%(count)d events could not be applied.", dead)
        return red(text % {"count": dead}, page=_EVENTS)
    late = events.filter(state=StripeEvent.State.STORED, received_at__lt=timezone.now() - LATE_AFTER).count()
    if late:
        text = ngettext("%(count)d event waits to be applied.", "%(count)d events wait to be applied.", late)
        return red(text % {"count": late}, command="celery -A apim.config worker -Q default", page=_EVENTS)
    last = events.first()
    if last is None:
        return amber(gettext("No event has come yet: set the endpoint at Stripe, then test it."), page=_PAGE)
    took = max(0, round((last.received_at - last.created_at).total_seconds()))
    return green(gettext("The last event came %(seconds)d s after it happened.") % {"seconds": took})


def usage_outbox() -> Verdict:
    """Whether Stripe was told all usage."""
    dead = OutgoingUsage.objects.filter(state=OutgoingUsage.State.DEAD).count()
    if dead:
        text = ngettext("Stripe took %(count)d part of usage not.", "Stripe took %(count)d parts of usage not.", dead)
        return red(text % {"count": dead}, page="/console/admin/billing/reconcile")
    due = OutgoingUsage.objects.filter(state=OutgoingUsage.State.DUE, attempts__gt=0).count()
    if due:
        text = ngettext("%(count)d part of usage is tried again.", "%(count)d parts of usage are tried again.", due)
        return amber(text % {"count": due}, page="/console/admin/billing/reconcile")
    return green(gettext("Nothing is left to be told."))
