"""Subscriptions: state, plan, quotas; switching the plan and cancelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from apim.access.models import Subscription
from apim.access.services import cancel_subscription, subscribe
from apim.accounts.services import actor_of
from apim.billing.checkout import close_checkout
from apim.billing.connection import is_connected
from apim.billing.giving import with_given_back
from apim.billing.mails import lacks_card
from apim.billing.models import BillingSubscription, Invoice
from apim.billing.telling import cancel_at_provider, is_bought
from apim.errors import Conflict
from apim.ui.forms import errors_on
from apim.usage import reports
from apim.usage.periods import end_of
from portal.diagram import diagram_of
from portal.forms.subscriptions import CancelForm, SwitchForm
from portal.offers import offered_products, opened_items, plan_offers
from portal.rendering import Confirmation, confirm, page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.audit.actor import Actor
    from portal.offers import PlanOffer

_INVOICES_SHOWN = 12


@require_GET
@my_page
def show_subscription(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """One subscription: where it stands and what it grants."""
    subscription = get_object_or_404(Subscription.objects.visible_to(request.user).with_names(), id=subscription_id)
    offered = offered_products(request.user).filter(id=subscription.product_id).first()
    billing = BillingSubscription.objects.filter(subscription=subscription).first()
    context = _context(subscription) | {
        "invoices": with_given_back(Invoice.objects.visible_to(request.user).filter(subscription=subscription))[
            :_INVOICES_SHOWN
        ],
        "billing": billing,
        "lacks_card": billing is not None and subscription.is_live and lacks_card(billing),
        "diagram": diagram_of(subscription),
        "gauges": reports.quota_gauges([subscription])[subscription.id],
        "applications": subscription.applications.all(),
        "items": opened_items(offered) if offered else [],
        "may_edit": Subscription.objects.editable_by(request.user).filter(id=subscription.id).exists(),
        "other_offers": _other_offers(request, subscription),
    }
    return page(request, "portal/subscription.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def switch_plan(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Another plan for the same product."""
    subscription = _own(request, subscription_id)
    form = SwitchForm(posted(request), offers=_other_offers(request, subscription))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            _switch(subscription, form.chosen(), actor_of(request.user))
            subscription.refresh_from_db()
            if subscription.awaits_payment:
                return redirect("portal:subscription_pay", subscription.id)
            sent = form.chosen().is_manual
            messages.success(
                request,
                "The owner has your request; the old plan goes on until then." if sent else "The new plan is in force.",
            )
            return redirect("portal:subscription", subscription.id)
    context = _context(subscription) | {"form": form, "offers": _other_offers(request, subscription)}
    return page(request, "portal/subscription_switch.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def cancel(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Ends a subscription after saying what stops."""
    subscription = _own(request, subscription_id)
    names = ", ".join(each.display_name for each in subscription.applications.all()) or "No application"
    is_pending = subscription.lifecycle == Subscription.Lifecycle.PENDING
    confirmation = Confirmation(
        title=f"Withdraw the request for {subscription.product}?" if is_pending else f"Cancel {subscription.product}?",
        consequences=(
            "The owner will no longer see the request."
            if is_pending
            else f"From then on, calls of {names} to this product get 403. Keys and applications stay.",
        ),
        verb="Withdraw the request" if is_pending else "Cancel the subscription",
        back=reverse("portal:subscription", args=[subscription.id]),
        done="The request is withdrawn." if is_pending else "The subscription is cancelled.",
    )
    form = None if is_pending else CancelForm(posted(request), is_billed=is_bought(subscription))
    return confirm(request, confirmation, lambda data, by: _cancel(subscription, data, by), form)


def _cancel(subscription: Subscription, data: dict[str, object], by: Actor) -> None:
    ends_later = data.get("when") == CancelForm.PERIOD_END
    if is_bought(subscription):
        cancel_at_provider(subscription=subscription, is_at_period_end=ends_later, by=by)
        return
    close_checkout(subscription)
    cancel_subscription(subscription=subscription, by=by, at=end_of("month", timezone.now()) if ends_later else None)


def _switch(subscription: Subscription, offer: PlanOffer, by: Actor) -> None:
    application = subscription.applications.select_related("organization").first()
    if application is None:
        raise Conflict(
            "portal.no_application",
            "No application uses this subscription.",
            hint="Get access to the product again with one of your applications.",
        )
    subscribe(
        application=application,
        product=subscription.product,
        plan=offer.plan,
        by=by,
        environment=subscription.environment,
        is_checkout=is_connected(),
    )


def _other_offers(request: PortalRequest, subscription: Subscription) -> list[PlanOffer]:
    product = offered_products(request.user).filter(id=subscription.product_id).first()
    if product is None:
        return []
    return [offer for offer in plan_offers(product) if offer.plan.id != subscription.plan_version.plan_id]


def _own(request: PortalRequest, subscription_id: str) -> Subscription:
    return get_object_or_404(Subscription.objects.editable_by(request.user).with_names(), id=subscription_id)


def _context(subscription: Subscription) -> dict[str, object]:
    return {
        "section": "apps",
        "trail": [("My home", reverse("portal:home")), (subscription.product.display_name, "")],
        "subscription": subscription,
    }
