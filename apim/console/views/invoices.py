"""Invoices for those who sell: what was charged, what our rating makes of it, what was given back, and giving back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from apim.accounts.models import Organization
from apim.accounts.services import actor_of
from apim.billing.giving import left_of, with_given_back
from apim.billing.models import Adjustment, Invoice
from apim.billing.refund_mails import amount_words, ways_in_words
from apim.billing.refunding import carry_out, give_back, give_goodwill, preview
from apim.console.forms.invoices import GiveBackForm, GoodwillForm
from apim.console.gate import admin_page, publisher_page
from apim.console.pages import listing, page, posted
from apim.errors import Conflict
from apim.ui.forms import errors_on, errors_told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def invoice_list(request: ConsoleRequest) -> HttpResponse:
    """Every invoice for one's products, the newest first; for admins, every one."""
    wanted = request.GET.get("q", "").strip()
    rows = Invoice.objects.adjustable_by(request.user).select_related("organization", "subscription__product")
    if wanted:
        rows = rows.filter(Q(number__icontains=wanted) | Q(organization__display_name__icontains=wanted))
    return page(request, "console/invoices/list.html", rows=listing(request, with_given_back(rows)), wanted=wanted)


@publisher_page
def invoice_page(request: ConsoleRequest, invoice_id: str) -> HttpResponse:
    """One invoice beside our rating of it, and what of it was given back."""
    invoice = _find(request, invoice_id)
    return page(
        request,
        "console/invoices/page.html",
        invoice=invoice,
        left=left_of(invoice),
        adjustments=[(row, ways_in_words(row)) for row in invoice.adjustments.all()],
    )


@publisher_page
def invoice_give_back(request: ConsoleRequest, invoice_id: str) -> HttpResponse:
    """Asks what, how and why; shows what will happen; then does it."""
    invoice = _find(request, invoice_id)
    form = GiveBackForm(posted(request), invoice=invoice, left=left_of(invoice))
    planned = None
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with errors_on(form):
            if "confirmed" in request.POST:
                row = give_back(
                    invoice=invoice,
                    wish=form.wish(),
                    reason=data["reason"],
                    key=data["key"],
                    by=actor_of(request.user),
                )
                _tell(request, carry_out(row.pk))
                return redirect("console:invoice", invoice.pk)
            if "change" not in request.POST:
                planned = preview(invoice=invoice, wish=form.wish())
    context = {"planned": planned, "ways": ways_in_words(planned)} if planned else {}
    return page(request, "console/invoices/give_back.html", invoice=invoice, form=form, **context)


@admin_page
def goodwill(request: ConsoleRequest, name: str) -> HttpResponse:
    """A credit on the balance of an organization."""
    organization = get_object_or_404(Organization, name=name)
    currencies = list(
        Invoice.objects.filter(organization=organization).order_by("currency").values_list("currency", flat=True)
    )
    form = GoodwillForm(posted(request), currencies=list(dict.fromkeys(currencies)))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            row = give_goodwill(organization=organization, **form.cleaned_data, by=actor_of(request.user))
            _tell(request, carry_out(row.pk))
            return redirect("console:admin-organization-goodwill", organization.name)
    given = organization.adjustments.filter(invoice=None)
    return page(
        request,
        "console/invoices/goodwill.html",
        organization=organization,
        form=form,
        is_customer=bool(currencies),
        adjustments=[(row, ways_in_words(row)) for row in given],
    )


def _find(request: ConsoleRequest, invoice_id: str) -> Invoice:
    rows = Invoice.objects.adjustable_by(request.user).select_related("organization", "subscription__product")
    return get_object_or_404(rows, pk=invoice_id)


def _tell(request: ConsoleRequest, row: Adjustment) -> None:
    amount = amount_words(row.amount, row.currency)
    with errors_told(request):
        if row.state == Adjustment.State.FAILED:
            raise Conflict(
                "billing.refused",
                gettext("Stripe says: %(error)s") % {"error": row.error},
                hint=gettext("Nothing was given back."),
            )
        if row.state == Adjustment.State.PENDING:
            messages.warning(
                request,
                gettext("Stripe has not answered: %(amount)s goes back as soon as it does, once.") % {"amount": amount},
            )
        else:
            messages.success(request, gettext("Given back: %(row)s.") % {"row": ways_in_words(row)})
