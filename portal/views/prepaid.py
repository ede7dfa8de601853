"""Credits: the balance and its forecast, top-ups by the hosted checkout, top-ups by themselves, the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.credits.automatic import left_of_month, set_automatic
from apim.billing.credits.buying import check_credits, look_after_top_ups, open_top_up, start_with_included
from apim.billing.credits.reading import credits_of
from apim.billing.credits.terms import included_of, offers_of, threshold_of, wanted_version
from apim.billing.models import CreditAccount, LedgerEntry, TopUp
from apim.errors import DomainError
from apim.pricing.money import from_minor, money_text
from apim.ui.csp import HEADER, policy_with_forms
from apim.ui.downloads import csv_lines
from apim.ui.forms import errors_on, errors_told
from portal.credits import picture_of
from portal.forms.credits import AutomaticForm, TopUpForm
from portal.rendering import page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from apim.products.models import PlanVersion

_HOSTED = "https://checkout.stripe.com"
_ENTRIES_SHOWN = 50
_COLUMNS = ("number", "at", "kind", "amount", "balance", "currency", "source", "reason", "key")


@require_http_methods(["GET", "POST"])
@my_page
def show_credits(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """The credits of a subscription; a POST leads to the hosted checkout of a top-up."""
    subscription = _own(request, subscription_id)
    version = wanted_version(subscription)
    if version.terms.prepaid is None and not CreditAccount.objects.filter(pk=subscription.pk).exists():
        return redirect("portal:subscription", subscription.id)
    form = _top_up_form(request, version) if version.terms.prepaid else None
    if request.method == "POST" and form is not None and form.is_valid():
        with errors_on(form):
            top_up = open_top_up(
                subscription=subscription,
                amount=form.cleaned_data["amount"],
                keeps_card=form.cleaned_data["keeps_card"],
                return_url=_absolute("portal:credits_paid", subscription.id),
                cancel_url=_absolute("portal:credits", subscription.id),
                by=actor_of(request.user),
            )
            return _with_hosted_forms(redirect(top_up.session_url))
    return _shown(request, subscription, form=form)


@require_POST
@my_page
def start(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Begin with the credits that the plan includes."""
    subscription = _own(request, subscription_id)
    with errors_told(request):
        start_with_included(subscription=subscription, by=actor_of(request.user))
        messages.success(request, _("Your subscription is in force."))
        return redirect("portal:access", subscription.product.name)
    return redirect("portal:credits", subscription.id)


@require_http_methods(["GET", "POST"])
@my_page
def automatic(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """When top-ups are bought by themselves."""
    subscription = _own(request, subscription_id)
    account = CreditAccount.objects.filter(pk=subscription.pk).first()
    version = wanted_version(subscription)
    if request.method == "GET" or account is None or version.terms.prepaid is None:
        return redirect("portal:credits", subscription.id)
    form = _automatic_form(request, account, version)
    if form.is_valid():
        with errors_on(form):
            chosen = dict(form.cleaned_data)
            if not chosen.pop("is_on"):
                chosen["amount"] = 0
            set_automatic(subscription=subscription, by=actor_of(request.user), **chosen)
            messages.success(request, _("Kept.") if chosen["amount"] else _("Automatic top-ups are off."))
            return redirect("portal:credits", subscription.id)
    return _shown(request, subscription, automatic_form=form)


@require_GET
@my_page
def paid(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """Back from the checkout: waits until the payment is known here, whatever the browser brought along."""
    subscription = _own(request, subscription_id)
    look_after_top_ups(subscription)
    subscription.refresh_from_db()
    last = TopUp.objects.filter(subscription=subscription, kind=TopUp.Kind.CHECKOUT).first()
    if last is None or last.state != TopUp.State.PAID:
        return page(request, "portal/credits_paid.html", _context(subscription, _("Payment")))
    if not request.headers.get("HX-Request"):
        messages.success(request, _("Paid. The credits are there."))
        return redirect("portal:credits", subscription.id)
    return page(request, "portal/credits_paid.html", _context(subscription, _("Paid")) | {"is_done": True})


@require_GET
@my_page
def ledger_csv(request: PortalRequest, subscription_id: str) -> StreamingHttpResponse:
    """Every movement, the first first."""
    subscription = _own(request, subscription_id)
    entries = LedgerEntry.objects.filter(subscription=subscription).select_related("grant").order_by("number")
    lines = csv_lines(_COLUMNS, _rows(entries.iterator(chunk_size=1000)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="credits-{subscription.id}.csv"'
    return response


def _rows(entries: Iterator[LedgerEntry]) -> Iterator[tuple[object, ...]]:
    for entry in entries:
        amounts = [
            money_text(from_minor(each, entry.currency), entry.currency) for each in (entry.amount, entry.balance)
        ]
        source = entry.grant.source if entry.grant is not None else ""
        at, reason = entry.at.isoformat(), entry.reason
        yield (entry.number, at, entry.kind, *amounts, entry.currency, source, reason, entry.key)


def _shown(
    request: PortalRequest,
    subscription: Subscription,
    *,
    form: TopUpForm | None = None,
    automatic_form: AutomaticForm | None = None,
) -> HttpResponse:
    view = credits_of(subscription)
    entries = LedgerEntry.objects.filter(subscription=subscription).select_related("grant")
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal():
        entries = entries.filter(number__lt=int(before[:9]))
    shown = list(entries[: _ENTRIES_SHOWN + 1])
    context = _context(subscription, _("Credits")) | {
        "credits": view,
        "picture": picture_of(view),
        "entries": shown[:_ENTRIES_SHOWN],
        "older": shown[_ENTRIES_SHOWN - 1].number if len(shown) > _ENTRIES_SHOWN else None,
        "obstacle": _obstacle(subscription),
    }
    if view.version.terms.prepaid is not None:
        context["included"] = included_of(view.version.terms)
        context["top_up_form"] = form or _top_up_form(None, view.version)
        if view.account is not None:
            context["left_of_month"] = left_of_month(view.account)
            context["automatic_form"] = automatic_form or _automatic_form(None, view.account, view.version)
    context["form"] = automatic_form or form
    return _with_hosted_forms(page(request, "portal/credits.html", context))


def _obstacle(subscription: Subscription) -> str:
    """Why no credits can be bought now; "" when they can."""
    try:
        check_credits(subscription)
    except DomainError as error:
        return error.message
    return ""


def _top_up_form(request: PortalRequest | None, version: PlanVersion) -> TopUpForm:
    data = posted(request) if request is not None else None
    return TopUpForm(data, offers=offers_of(version.terms), currency=version.terms.currency)


def _automatic_form(request: PortalRequest | None, account: CreditAccount, version: PlanVersion) -> AutomaticForm:
    data = posted(request) if request is not None else None
    terms = version.terms
    return AutomaticForm(
        data, account=account, offers=offers_of(terms), proposed=threshold_of(terms), currency=terms.currency
    )


def _own(request: PortalRequest, subscription_id: str) -> Subscription:
    return get_object_or_404(Subscription.objects.editable_by(request.user).with_names(), id=subscription_id)


def _absolute(name: str, *arguments: str) -> str:
    return f"{settings.BASE_URL}{reverse(name, args=arguments)}"


def _with_hosted_forms(response: HttpResponse) -> HttpResponse:
    """A browser follows a form to another origin only where the page's policy names it."""
    base = settings.STRIPE_API_BASE
    response.headers[HEADER] = policy_with_forms(_HOSTED, *([base.rstrip("/")] if base else []))
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
