"""Another plan for a subscription: chosen, shown with what it charges and changes, done, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.accounts.services import actor_of
from apim.billing.connection import is_connected
from apim.billing.models import PlanChange
from apim.billing.switch_previews import preview_switch
from apim.billing.switching import Switch, find_change, is_switchable, switch_plan, undo_switch
from apim.errors import Conflict, DomainError
from apim.ui.forms import errors_on, errors_told
from apim.ui.templatetags.formats import day
from portal.comparing import comparison_of, notes_on_change
from portal.forms.subscriptions import SwitchForm
from portal.offers import offered_products, plan_offers
from portal.rendering import page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.audit.actor import Actor
    from portal.offers import PlanOffer


@require_http_methods(["GET", "POST"])
@my_page
def switch(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """The other plans of the product; one of them (`?plan=`) with all that it changes; a POST changes to it."""
    subscription = own_subscription(request, subscription_id)
    offers = other_offers(request, subscription)
    form = SwitchForm(posted(request), offers=offers)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            if is_switchable(subscription):
                return _switched(request, subscription, form)
            return _subscribed(request, subscription, form)
    chosen = next((offer for offer in offers if offer.plan.name == request.GET.get("plan") and offer.is_open), None)
    if request.method == "GET" and chosen is not None:
        return _previewed(request, subscription, chosen)
    return page(request, "portal/subscription_switch.html", _context(subscription) | {"form": form, "offers": offers})


@require_POST
@my_page
def undo(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Keeps the plan in force: what was to come does not."""
    subscription = own_subscription(request, subscription_id)
    with errors_told(request):
        undo_switch(subscription=subscription, by=actor_of(request.user))
        messages.success(request, _("The plan %(plan)s stays.") % {"plan": subscription.plan_version.plan})
    return redirect("portal:subscription", subscription.id)


def other_offers(request: PortalRequest, subscription: Subscription) -> list[PlanOffer]:
    """The plans of the product that its visitor may choose, but for the one in force."""
    product = offered_products(request.user).filter(id=subscription.product_id).first()
    if product is None:
        return []
    return [offer for offer in plan_offers(product) if offer.plan.id != subscription.plan_version.plan_id]


def own_subscription(request: PortalRequest, subscription_id: str) -> Subscription:
    """A subscription of an organization that the visitor acts for; 404 for all others."""
    return get_object_or_404(Subscription.objects.editable_by(request.user).with_names(), id=subscription_id)


def _previewed(request: PortalRequest, subscription: Subscription, offer: PlanOffer) -> HttpResponse:
    """What the change charges now, both plans side by side, and the button."""
    context = _context(subscription) | {
        "offer": offer,
        "comparison": comparison_of(subscription.plan_version, offer.terms),
        "change": find_change(subscription),
        "has_usage": any(hasattr(part, "meter") for part in subscription.plan_version.terms.prices),
    }
    if is_switchable(subscription):
        try:
            context["preview"] = preview = preview_switch(subscription=subscription, plan=offer.plan)
            context["notes"] = notes_on_change(
                subscription.plan_version, offer.terms, is_at_once=preview.switch.is_charged
            )
        except DomainError as refusal:
            context["refusal"] = refusal
    return page(request, "portal/subscription_switch_preview.html", context)


def _switched(request: PortalRequest, subscription: Subscription, form: SwitchForm) -> HttpResponse:
    shown_at = form.cleaned_data["shown_at"]
    done = switch_plan(
        subscription=subscription,
        plan=form.chosen().plan,
        by=actor_of(request.user),
        version_id=form.cleaned_data["version"],
        shown_at=shown_at,
    )
    change = find_change(subscription)
    if change is not None and change.kind == PlanChange.Kind.AWAITS_PAYMENT:
        words = _("The payment did not go through: %(plan)s goes on for now.")
        messages.warning(request, words % {"plan": subscription.plan_version.plan})
    else:
        messages.success(request, _done_words(done))
    return redirect("portal:subscription", subscription.id)


def _done_words(done: Switch) -> str:
    plan = done.version.plan
    if done.is_immediate:
        return _("%(plan)s is in force.") % {"plan": plan}
    return _("%(plan)s begins on %(day)s.") % {"plan": plan, "day": day(done.at)}


def _subscribed(request: PortalRequest, subscription: Subscription, form: SwitchForm) -> HttpResponse:
    """What nobody bills yet is changed here, or bought."""
    _subscribe(subscription, form.chosen(), actor_of(request.user))
    subscription.refresh_from_db()
    if subscription.awaits_payment:
        return redirect("portal:subscription_pay", subscription.id)
    sent = form.chosen().is_manual
    words = (
        _("The owner has your request; the old plan goes on until then.") if sent else _("The new plan is in force.")
    )
    messages.success(request, words)
    return redirect("portal:subscription", subscription.id)


def _subscribe(subscription: Subscription, offer: PlanOffer, by: Actor) -> None:
    application = subscription.applications.select_related("organization").first()
    if application is None:
        raise Conflict(
            "portal.no_application",
            _("No application uses this subscription."),
            hint=_("Get access to the product again with one of your applications."),
        )
    subscribe(
        application=application,
        product=subscription.product,
        plan=offer.plan,
        by=by,
        environment=subscription.environment,
        is_checkout=is_connected(),
    )


def _context(subscription: Subscription) -> dict[str, object]:
    return {
        "section": "apps",
        "trail": [
            (_("My home"), reverse("portal:home")),
            (subscription.product.display_name, reverse("portal:subscription", args=[subscription.id])),
            (_("Switch the plan"), ""),
        ],
        "subscription": subscription,
    }
