"""Get access: plan, application, key and a test call, on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from apim.access.models import Application, Subscription
from apim.access.services import create_credential
from apim.accounts.services import actor_of
from apim.gateways.services import default_environment
from apim.onboarding.bounds import MAILS, SIGN_UPS, address_of, take
from apim.onboarding.journeys import set_out
from apim.ui.forms import errors_on
from portal import fresh_key
from portal.entering import let_in
from portal.forms.access import AccessForm, JoinForm
from portal.getting_access import get_access, join_and_get_access
from portal.offers import offered_products, opened_items, plan_offers
from portal.rendering import page, posted
from portal.samples import sample_calls, tryable_calls
from portal.tenancy import PortalRequest, errors_as_pages, my_page, tenancy_of
from portal.waiting import owners_asked, usual_wait

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from apim.accounts.models import User
    from apim.products.models import Product

CONTINUE_AT = "continue_at"  # session: where to go on after sign-up, which may pass through a mailbox
_STEPS = (gettext_lazy("Choose a plan"), gettext_lazy("Your key"), gettext_lazy("First call"))


@require_http_methods(["GET", "POST"])
@errors_as_pages
def show_access(request: HttpRequest, product_name: str) -> HttpResponse:
    """The flow's page, in the step that the visitor has reached."""
    product = get_object_or_404(offered_products(request.user), name=product_name)
    user = request.user
    if not user.is_authenticated:
        return _ask_to_join(request, product)
    subscription = _live_subscription(request, product)
    if subscription is None:
        return _choose(request, product, user)
    if subscription.awaits_payment:
        return redirect("portal:subscription_pay", subscription.id)
    if subscription.lifecycle == Subscription.Lifecycle.PENDING:
        return _wait(request, product, subscription)
    return _use(request, product, subscription)


@require_POST
@my_page
def create_key(request: PortalRequest, product_name: str) -> HttpResponse:
    """Another key for who has access already."""
    product = get_object_or_404(offered_products(request.user), name=product_name)
    applications = Application.objects.editable_by(request.user).filter(subscriptions__product=product)
    application = get_object_or_404(applications.distinct(), id=request.POST.get("application"))
    fresh_key.remember(
        request, create_credential(application=application, by=actor_of(request.user), creator=request.user)
    )
    return redirect("portal:access", product.name)


@require_POST
@my_page
def finish(request: PortalRequest, product_name: str) -> HttpResponse:
    """The developer has stored the key: it is shown no more."""
    kept = fresh_key.recall(request)
    fresh_key.forget(request)
    if kept is None:
        return redirect("portal:access", product_name)
    return redirect("portal:application", kept.application_id)


def _ask_to_join(request: HttpRequest, product: Product) -> HttpResponse:
    """For visitors: the plans, and an address; a plan that works at once needs no other page."""
    offers = plan_offers(product)
    form = JoinForm(
        posted(request), product=product, offers=offers, applications=(), wanted_plan=request.GET.get("plan", "")
    )
    if request.method == "POST" and "login" in request.POST:
        return _to_door(request, product, "account_login", str(form["plan"].value() or ""))
    if request.method == "POST" and form.is_valid():
        if not form.chosen_offer.is_immediate:
            return _to_door(request, product, "account_signup", form.cleaned_data["plan"])
        with errors_on(form):
            return _join(request, form)
    context = _context(product, 0) | {
        "form": form,
        "offers": offers,
        "is_immediate": any(offer.is_immediate for offer in offers),
    }
    return page(request, "portal/access_choose.html", context)


def _join(request: HttpRequest, form: JoinForm) -> HttpResponse:
    """Signed up, logged in, subscribed, with a key: in one step, alike for every address."""
    email = form.cleaned_data["email"]
    take("sign-up", address_of(request), SIGN_UPS)
    take("mail", email, MAILS)
    user, issued = join_and_get_access(wish=form.wish(), email=email)
    let_in(request, user)
    if issued is not None:
        fresh_key.remember(request, issued)
    return redirect("portal:access", form.product.name)


def _to_door(request: HttpRequest, product: Product, door: str, plan: str) -> HttpResponse:
    """To log in or sign up, and back here."""
    target = f"{reverse('portal:access', args=[product.name])}?{urlencode({'plan': plan})}"
    request.session[CONTINUE_AT] = target
    email = request.POST.get("email", "").strip()
    told = {"next": target} | ({"email": email} if email and door == "account_signup" else {})
    return redirect(f"{reverse(door)}?{urlencode(told)}")


def _choose(request: HttpRequest, product: Product, user: User) -> HttpResponse:
    request.session.pop(CONTINUE_AT, None)
    set_out(user=user, product=product)
    organization = tenancy_of(request).organization
    offers = plan_offers(product)
    applications = list(Application.objects.editable_by(user).filter(organization=organization))
    form = AccessForm(
        posted(request),
        product=product,
        offers=offers,
        applications=applications,
        wanted_plan=request.GET.get("plan", ""),
        wanted_application=request.GET.get("application", ""),
    )
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            _, issued = get_access(wish=form.wish(), organization=organization, user=user)
            if issued is not None:
                fresh_key.remember(request, issued)
            return redirect("portal:access", product.name)
    context = _context(product, 0) | {"form": form, "offers": offers, "applications": applications}
    return page(request, "portal/access_choose.html", context)


def _wait(request: HttpRequest, product: Product, subscription: Subscription) -> HttpResponse:
    """For who needs an owner's yes: who is asked, how long it takes as a rule, and what can be tried meanwhile."""
    context = _context(product, 1) | {
        "subscription": subscription,
        "owners": owners_asked(product),
        "usual_wait": usual_wait(product),
        "tryable": tryable_calls(opened_items(product), default_environment())[:1],
    }
    return page(request, "portal/access_pending.html", context)


def _use(request: HttpRequest, product: Product, subscription: Subscription) -> HttpResponse:
    """With access: the fresh key and a first call, or the way to a key."""
    kept = fresh_key.recall(request)
    applications = list(subscription.applications.visible_to(request.user))
    application = next((each for each in applications if kept and each.id == kept.application_id), None)
    calls = sample_calls(opened_items(product), default_environment())
    context = _context(product, 1) | {
        "subscription": subscription,
        "applications": applications,
        "application": application,
        "key": kept.key if kept and application else "",
        "calls": calls,
        "curl": calls[0].curl(kept.key) if calls and kept else "",
    }
    return page(request, "portal/access_key.html", context)


def _live_subscription(request: HttpRequest, product: Product) -> Subscription | None:
    organization = tenancy_of(request).organization
    if organization is None:
        return None
    mine = Subscription.objects.visible_to(request.user).live().with_names()
    return mine.filter(organization=organization, product=product).first()


def _context(product: Product, step: int) -> dict[str, object]:
    states = ["done" if number < step else "current" if number == step else "" for number in range(len(_STEPS))]
    return {
        "section": "apis",
        "has_manual": any(offer.is_manual for offer in plan_offers(product)),
        "trail": [
            (_("APIs"), "/"),
            (product.display_name, reverse("portal:product", args=[product.name])),
            (_("Get access"), ""),
        ],
        "product": product,
        "items": opened_items(product),
        "steps": list(zip(_STEPS, states, strict=True)),
    }
