"""Credits for admins: who has how many, and goodwill."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.credits.goodwill import give_goodwill
from apim.billing.credits.terms import wanted_version
from apim.billing.models import CreditAccount, LedgerEntry
from apim.console.forms.goodwill import GoodwillForm
from apim.console.gate import admin_page
from apim.console.pages import page, posted
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_SHOWN = 200
_ENTRIES_SHOWN = 20


@admin_page
def credit_list(request: ConsoleRequest) -> HttpResponse:
    """Every live prepaid subscription, those that have least left first."""
    accounts = CreditAccount.objects.filter(subscription__lifecycle__in=Subscription.LIVE).select_related(
        "subscription__organization", "subscription__product", "subscription__plan_version__plan"
    )
    return page(request, "console/admin/credits.html", accounts=accounts.order_by("balance")[:_SHOWN])


@admin_page
def goodwill(request: ConsoleRequest, subscription_id: str) -> HttpResponse:
    """Credits for nothing, with a reason."""
    subscription = get_object_or_404(Subscription.objects.with_names(), id=subscription_id)
    version = wanted_version(subscription)
    if version.terms.prepaid is None:
        raise Http404
    form = GoodwillForm(posted(request), currency=version.terms.currency, key=secrets.token_hex(8))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            give_goodwill(subscription=subscription, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, gettext("Given. Calls draw on them from now on."))
            return redirect("console:admin-billing-credits")
    return page(
        request,
        "console/admin/goodwill.html",
        form=form,
        subscription=subscription,
        account=CreditAccount.objects.filter(pk=subscription.pk).first(),
        entries=LedgerEntry.objects.filter(subscription=subscription)[:_ENTRIES_SHOWN],
    )
