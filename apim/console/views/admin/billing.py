"""Money: the connection to Stripe, what its key may do, and everything that waits for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_POST

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.alarms import see_alarm
from apim.billing.connection import (
    connect_stripe,
    disconnect_stripe,
    find_connection,
    key_ending,
    require_connection,
)
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.events import make_test_event
from apim.billing.leaving import bought_here, left_behind, settle_left_behind
from apim.billing.models import (
    BillingAlarm,
    BillingSubscription,
    ConnectionCheck,
    OutgoingUsage,
    StripeConnection,
    StripeEvent,
)
from apim.billing.probing import check_key, needed
from apim.billing.readiness import checklist
from apim.billing.reconciling import differing_invoices
from apim.console.forms.billing import ConnectForm, LeftBehindForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, page, posted
from apim.ui.forms import errors_on, errors_told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.audit.actor import Actor
    from apim.console.gate import ConsoleRequest

_SHOWN = 50
_BOUGHT = {
    "test": gettext_noop("%(subscription)s, bought in test mode"),
    "live": gettext_noop("%(subscription)s, bought in live mode"),
}


@admin_page
def billing_page(request: ConsoleRequest) -> HttpResponse:
    """Where money stands: connected or not, and everything that waits for somebody."""
    owing = BillingSubscription.objects.filter(
        unpaid_since__isnull=False, subscription__lifecycle__in=Subscription.LIVE, test_clock=""
    )
    present = find_connection()
    points = checklist()
    return page(
        request,
        "console/admin/billing.html",
        connection=StripeConnection.objects.filter(is_active=True).first(),
        is_by_environment=bool(settings.STRIPE_API_KEY),
        last_event=StripeEvent.objects.first(),
        dead=StripeEvent.objects.filter(state=StripeEvent.State.DEAD).count(),
        differing=differing_invoices(present.mode).count() if present else 0,
        unsent=OutgoingUsage.objects.filter(state=OutgoingUsage.State.DEAD).count(),
        owing=owing.count(),
        alarms=BillingAlarm.objects.filter(seen_at=None)[:_SHOWN],
        left=left_behind(present).count() if present else 0,
        points=points,
        met=sum(point.is_met for point in points),
    )


@admin_page
def connect(request: ConsoleRequest) -> HttpResponse:
    """A key, checked for what it may do, and where events come from."""
    form = ConnectForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            made = connect_stripe(**form.cleaned_data, by=actor_of(request.user))
            if made.faults:
                messages.warning(request, gettext("Connected, but the key may not do everything that is needed."))
            else:
                messages.success(
                    request,
                    gettext("Connected in %(mode)s mode. Test now whether events arrive.") % {"mode": made.mode},
                )
            left = left_behind(require_connection()).exists()
            return redirect("console:admin-billing-left-behind" if left else "console:admin-billing")
    tested, present = request.GET.get("test", ""), find_connection()
    return page(
        request,
        "console/admin/billing_connect.html",
        form=form,
        mode=present.mode if present else "",
        bought=list(bought_here(present)[:_SHOWN]) if present else [],
        endpoint=f"{settings.BASE_URL}/webhooks/stripe",
        is_by_environment=bool(settings.STRIPE_API_KEY),
        check=ConnectionCheck.objects.filter(mode=present.mode).first() if present else None,
        needed=needed(),
        points=checklist(),
        tested=tested,
        is_arrived=bool(tested) and StripeEvent.objects.filter(object_id=tested).exists(),
    )


@admin_page
@require_POST
def see(request: ConsoleRequest, alarm_id: int) -> HttpResponse:
    """An alarm that somebody has looked at."""
    see_alarm(alarm=get_object_or_404(BillingAlarm, pk=alarm_id), by=actor_of(request.user))
    messages.success(request, gettext("Seen. It comes back should it happen again."))
    return redirect("console:admin-billing")


@admin_page
def leave_behind(request: ConsoleRequest) -> HttpResponse:
    """What was bought in the other mode or at another account: ended, or paid again."""
    connection = find_connection()
    if connection is None:
        return redirect("console:admin-billing-connect")
    found = list(left_behind(connection)[:_SHOWN])
    confirmation = Confirmation(
        title=gettext("What was bought before the switch"),
        consequences=(
            *(gettext(_BOUGHT[each.mode]) % {"subscription": each.subscription} for each in found),
            gettext("They are in force, and nobody is charged for them. Their members are told by mail what to do.")
            if found
            else gettext("Nothing is left: all that is in force is charged by the key in use."),
        ),
        verb=gettext("Do so") if found else "",
        back=reverse("console:admin-billing"),
        done=gettext("Done."),
    )
    form = LeftBehindForm(posted(request)) if found else None
    return confirm(request, confirmation, lambda data, by: _settle_left_behind(request, data["act"], by), form)


def _settle_left_behind(request: ConsoleRequest, act: str, by: Actor) -> None:
    _, running = settle_left_behind(connection=require_connection(), act=act, by=by)
    for words in running:
        messages.warning(request, gettext("Look at Stripe whether it still runs: %(words)s") % {"words": words})


@admin_page
def disconnect(request: ConsoleRequest) -> HttpResponse:
    """Nothing can be bought any more."""
    confirmation = Confirmation(
        title=gettext("Disconnect Stripe?"),
        consequences=(
            gettext("Nobody can buy a plan with prices any more, and payments are no longer followed."),
            gettext("Who has access keeps it as it stands now; subscriptions at Stripe go on and are charged there."),
        ),
        verb=gettext("Disconnect"),
        back=reverse("console:admin-billing"),
        done=gettext("Disconnected."),
    )
    return confirm(request, confirmation, lambda _data, by: disconnect_stripe(by=by))


@admin_page
@require_POST
def test_events(request: ConsoleRequest) -> HttpResponse:
    """Something made at Stripe whose event must arrive here."""
    with errors_told(request):
        try:
            made = make_test_event(require_connection())
        except DriverFailed as failure:
            raise provider_failed(failure) from failure
        return redirect(f"{reverse('console:admin-billing-connect')}?test={made}")
    return redirect("console:admin-billing-connect")


@admin_page
@require_POST
def check(request: ConsoleRequest) -> HttpResponse:
    """What the key in use may do, found out anew."""
    with errors_told(request):
        connection = require_connection()
        try:
            made = check_key(connection.driver, mode=connection.mode, key_ending=key_ending())
        except DriverFailed as failure:
            raise provider_failed(failure) from failure
        faults = [each["fault"] for each in made.permissions if each["fault"]]
        if faults:
            messages.warning(request, gettext("%(count)s permissions are missing.") % {"count": len(faults)})
        else:
            messages.success(request, gettext("The key may do all that is needed."))
    return redirect("console:admin-billing-connect")
