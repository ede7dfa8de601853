"""Usage and costs of a subscription: this period so far, the expected invoice, the cap, mails about usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.caps import set_cap, set_usage_mails
from apim.billing.models import BillingSubscription
from apim.billing.spending import RELATED, spendings
from apim.pricing.money import from_minor, money_text
from apim.ui.forms import errors_on
from portal.costs import costs_of
from portal.forms.spending import CapForm, UsageMailsForm
from portal.rendering import page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.billing.spending import Spending


@require_http_methods(["GET", "POST"])
@my_page
def show_costs(request: PortalRequest, subscription_id: str) -> HttpResponse:
    """What this period costs so far and comes to, and what is to happen when it is too much."""
    mirror = get_object_or_404(
        BillingSubscription.objects.select_related(*RELATED),
        subscription__in=Subscription.objects.editable_by(request.user),
        subscription_id=subscription_id,
    )
    found = spendings([mirror])
    if not found:
        return redirect("portal:subscription", subscription_id)  # it is not billed by the period
    spending, subscription = found[0], mirror.subscription
    is_mails = request.POST.get("form") == "mails"
    cap_form = CapForm(None if is_mails else posted(request), currency=spending.terms.currency, cap=_cap(spending))
    mails_form = UsageMailsForm(
        posted(request) if is_mails else None,
        initial={"wants_mails": spending.control is None or spending.control.wants_mails},
    )
    form = mails_form if is_mails else cap_form
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            by = actor_of(request.user)
            if is_mails:
                set_usage_mails(subscription=subscription, by=by, **form.cleaned_data)
                messages.success(request, _("Kept."))
            else:
                control = set_cap(subscription=subscription, amount=form.cleaned_data["cap"], by=by)
                messages.success(
                    request, _("The cap is taken away.") if control.cap is None else _("The cap is in force.")
                )
            return redirect("portal:subscription_usage", subscription.id)
    context = {
        "section": "apps",
        "trail": [
            (_("My home"), reverse("portal:home")),
            (subscription.product.display_name, reverse("portal:subscription", args=[subscription.id])),
            (_("Usage and costs"), ""),
        ],
        "subscription": subscription,
        "mirror": mirror,
        "spending": spending,
        "costs": costs_of(spending, timezone.now()),
        "form": form,
        "cap_form": cap_form,
        "mails_form": mails_form,
    }
    return page(request, "portal/costs.html", context)


def _cap(spending: Spending) -> str:
    if spending.control is None or spending.control.cap is None:
        return ""
    return money_text(from_minor(spending.control.cap, spending.terms.currency), spending.terms.currency)
