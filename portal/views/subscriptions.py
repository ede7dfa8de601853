"""Subscriptions: state, plan, quotas, what comes next; cancelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apim.access.models import Subscription
from apim.access.services import cancel_subscription
from apim.billing.checkout import close_checkout
from apim.billing.giving import with_given_back
from apim.billing.mails import lacks_card
from apim.billing.models import BillingSubscription, Invoice
from apim.billing.switching import find_change
from apim.billing.telling import cancel_at_provider, is_bought
from apim.listing import enumerated
from apim.usage import quotas
from apim.usage.periods import end_of
from portal.diagram import diagram_of
from portal.forms.subscriptions import CancelForm
from portal.offers import offered_products, opened_items
from portal.rendering import Confirmation, confirm, page, posted
from portal.tenancy import PortalRequest, my_page
from portal.views.switching import other_offers, own_subscription

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.audit.actor import Actor

_INVOICES_SHOWN = 12


@require_GET
@my_page
def show_subscription(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """One subscription: where it stands and what it grants."""
    subscription = get_object_or_404(Subscription.objects.visible_to(request.user).with_names(), id=subscription_id)
    offered = offered_products(request.user).filter(id=subscription.product_id).first()
    billing = BillingSubscription.objects.filter(subscription=subscription).first()
    change = find_change(subscription)
    context = _context(subscription) | {
        "invoices": with_given_back(Invoice.objects.visible_to(request.user).filter(subscription=subscription))[
            :_INVOICES_SHOWN
        ],
        "billing": billing,
        "lacks_card": billing is not None and subscription.is_live and lacks_card(billing),
        "change": change,
        "is_change_mine": change is not None and change.to_version.plan_id != subscription.plan_version.plan_id,
        "following": _following(request, subscription),
        "diagram": diagram_of(subscription, billing, change),
        "gauges": quotas.projected([subscription])[subscription.id],
        "histories": quotas.histories(subscription),
        "applications": subscription.applications.visible_to(request.user),
        "items": opened_items(offered) if offered else [],
        "may_edit": Subscription.objects.editable_by(request.user).filter(id=subscription.id).exists(),
        "other_offers": other_offers(request, subscription),
    }
    return page(request, "portal/subscription.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def cancel(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Ends a subscription after saying what stops."""
    subscription = own_subscription(request, subscription_id)
    names = enumerated(each.display_name for each in subscription.applications.all()) or _("No application")
    is_pending = subscription.lifecycle == Subscription.Lifecycle.PENDING
    confirmation = Confirmation(
        title=(_("Withdraw the request for %(product)s?") if is_pending else _("Cancel %(product)s?"))
        % {"product": subscription.product},
        consequences=(
            _("The owner will no longer see the request.")
            if is_pending
            else _("From then on, calls of %(names)s to this product get 403. Keys and applications stay.")
            % {"names": names},
        ),
        verb=_("Withdraw the request") if is_pending else _("Cancel the subscription"),
        back=reverse("portal:subscription", args=[subscription.id]),
        done=_("The request is withdrawn.") if is_pending else _("The subscription is cancelled."),
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


def _following(request: PortalRequest, over: Subscription) -> Subscription | None:
    """What took the place of a subscription that is over."""
    if over.is_live:
        return None
    live = Subscription.objects.visible_to(request.user).live().filter(created_at__gt=over.created_at)
    return live.filter(organization=over.organization, product=over.product, environment=over.environment).first()


def _context(subscription: Subscription) -> dict[str, object]:
    return {
        "section": "apps",
        "trail": [(_("My home"), reverse("portal:home")), (subscription.product.display_name, "")],
        "subscription": subscription,
    }
