"""Paying: the way to the hosted checkout and back, invoices, and the hosted page of cards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django import forms
from django.conf import settings
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.checkout import had_trial, look_after_checkout, open_checkout
from apim.billing.credits.terms import wanted_version
from apim.billing.giving import with_given_back
from apim.billing.models import Adjustment, BillingSubscription, Customer, Invoice
from apim.billing.refund_mails import ways_in_words
from apim.billing.sessions import open_card_page, open_portal
from apim.billing.spending import RELATED, spendings
from apim.billing.telling import resume_at_provider
from apim.errors import Conflict
from apim.ui.csp import HEADER, policy_with_forms
from apim.ui.forms import errors_on, errors_told
from apim.ui.prices import headline, sentences
from portal.costs import costs_of
from portal.rendering import page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_HOSTED = ("https://checkout.stripe.com", "https://billing.stripe.com")
_INVOICES_SHOWN = 100
_TOLD = (Adjustment.State.PENDING, Adjustment.State.DONE)


@require_http_methods(["GET", "POST"])
@my_page
def pay(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """What is bought, and the button that leads to the hosted checkout."""
    subscription = _own(request, subscription_id)
    if not (subscription.awaits_payment and subscription.is_live):
        return redirect("portal:subscription", subscription.id)
    if wanted_version(subscription).terms.prepaid is not None:
        return redirect("portal:credits", subscription.id)
    form = forms.Form(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            url = open_checkout(
                subscription=subscription,
                return_url=_absolute("portal:subscription_paid", subscription.id),
                cancel_url=_absolute("portal:subscription_pay", subscription.id),
                by=actor_of(request.user),
            )
            return _with_hosted_forms(redirect(url))
    version = subscription.requested_plan_version or subscription.plan_version
    terms = replace(version.terms, trial=None) if had_trial(subscription) else version.terms
    context = _context(subscription, _("Pay")) | {
        "form": form,
        "version": version,
        "headline": headline(terms),
        "sentences": sentences(terms),
        "has_trial": terms.trial is not None,
    }
    return _with_hosted_forms(page(request, "portal/pay.html", context))


@require_GET
@my_page
def paid(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Back from the checkout: waits until the payment is known here, whatever the browser brought along."""
    subscription = _own(request, subscription_id)
    if subscription.awaits_payment:
        look_after_checkout(subscription)
        subscription.refresh_from_db()
    if not subscription.is_live:
        return redirect("portal:subscription", subscription.id)
    if not subscription.awaits_payment:
        done = _done(subscription)
        if not request.headers.get("HX-Request"):
            messages.success(request, _("%(done)s. Your subscription is in force.") % {"done": done})
            return redirect("portal:access", subscription.product.name)
        return page(request, "portal/paid.html", _context(subscription, done) | {"is_done": True, "done": done})
    return page(request, "portal/paid.html", _context(subscription, _("Paid")) | {"is_done": False})


@require_POST
@my_page
def keep(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Take the cancellation at the end of the period back."""
    subscription = _own(request, subscription_id)
    with errors_told(request):
        if subscription.lifecycle != Subscription.Lifecycle.CANCELED:
            raise Conflict("portal.not_cancelled", _("The subscription is not cancelled."), hint=_("Reload the page."))
        resume_at_provider(subscription=subscription, by=actor_of(request.user))
        messages.success(request, _("The subscription goes on."))
    return redirect("portal:subscription", subscription.id)


@require_http_methods(["GET", "POST"])
@my_page
def card(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """What a card is needed for; a POST leads to the hosted page on which it is added."""
    subscription = _own(request, subscription_id)
    billing = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").first()
    if billing is None or not subscription.is_live:
        return redirect("portal:subscription", subscription.id)
    form = forms.Form(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            back = _absolute("portal:subscription", subscription.id)
            return _with_hosted_forms(redirect(open_card_page(subscription=subscription, return_url=back)))
    context = _context(subscription, _("Card")) | {
        "form": form,
        "billing": billing,
        "is_resuming": billing.status == "paused",
        "headline": headline(replace(subscription.plan_version.terms, trial=None)),
    }
    return _with_hosted_forms(page(request, "portal/card.html", context))


@require_http_methods(["GET", "POST"])
@my_page
def show_billing(request: PortalRequest) -> HttpResponse:
    """The invoices of the organization acted for; a POST leads to the hosted page of cards and tax ids."""
    organization = request.tenancy.organization
    form = forms.Form(posted(request))
    if request.method == "POST" and organization is not None:
        with errors_on(form):
            url = open_portal(organization=organization, return_url=_absolute("portal:billing"))
            return _with_hosted_forms(redirect(url))
    bills = BillingSubscription.objects.filter(subscription__organization=organization).exclude(stripe_id="")
    context = {
        "section": "billing",
        "form": form,
        "invoices": with_given_back(Invoice.objects.visible_to(request.user).filter(organization=organization))[
            :_INVOICES_SHOWN
        ],
        "bills": _with_costs(list(bills.select_related(*RELATED, "subscription__plan_change__to_version__plan"))),
        "adjustments": [
            (row, ways_in_words(row))
            for row in Adjustment.objects.visible_to(request.user)
            .filter(organization=organization, state__in=_TOLD)
            .select_related("invoice")[:_INVOICES_SHOWN]
        ],
        "is_customer": Customer.objects.filter(organization=organization).exists(),
    }
    return _with_hosted_forms(page(request, "portal/billing.html", context))


def _done(subscription: Subscription) -> str:
    """What has happened on the checkout: nothing was paid for a trial."""
    is_trial = BillingSubscription.objects.filter(subscription=subscription, status="trialing").exists()
    return _("Your trial has begun") if is_trial else _("Paid")


def _with_costs(bills: list[BillingSubscription]) -> list[BillingSubscription]:
    """The paid subscriptions, those that are live with what their period comes to as `costs`."""
    live = [bill for bill in bills if bill.subscription.is_live]
    costs = {spending.mirror.pk: costs_of(spending, timezone.now()) for spending in spendings(live)}
    for bill in bills:
        bill.costs = costs.get(bill.pk)  # type: ignore[attr-defined]  # for the page
    return bills


def _own(request: PortalRequest, subscription_id: str) -> Subscription:
    return get_object_or_404(Subscription.objects.editable_by(request.user).with_names(), id=subscription_id)


def _absolute(name: str, *arguments: str) -> str:
    return f"{settings.BASE_URL}{reverse(name, args=arguments)}"


def _with_hosted_forms(response: HttpResponse) -> HttpResponse:
    """A browser follows a form to another origin only where the page's policy names it."""
    base = settings.STRIPE_API_BASE
    response.headers[HEADER] = policy_with_forms(*_HOSTED, *([base.rstrip("/")] if base else []))
    return response


def _context(subscription: Subscription, title: str) -> dict[str, object]:
    return {
        "section": "apps",
        "trail": [
            (_("My home"), reverse("portal:home")),
            (subscription.product.display_name, reverse("portal:subscription", args=[subscription.id])),
            (title, ""),
        ],
        "subscription": subscription,
    }
