"""Truth check: invoices beside our rating, and the usage of one of them as three count it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext

from apim.billing.comparing import compare_usage
from apim.billing.connection import find_connection
from apim.billing.driver import DriverFailed
from apim.billing.models import Invoice, OutgoingUsage
from apim.console.gate import admin_page
from apim.console.pages import listing, page
from apim.pricing.money import from_minor

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_SHOWN = 50


@admin_page
def reconcile(request: ConsoleRequest) -> HttpResponse:
    """Invoices with what we make of the same usage; those that differ unless ?show=all."""
    is_all = request.GET.get("show") == "all"
    rows = Invoice.objects.exclude(status__in=("draft", "void")).select_related("organization", "subscription__product")
    if not is_all:
        rows = rows.exclude(difference=0).exclude(difference=None)
    rated = Invoice.objects.exclude(status__in=("draft", "void"))
    return page(
        request,
        "console/admin/billing_reconcile.html",
        rows=listing(request, rows),
        is_all=is_all,
        rated=rated.count(),
        differing=rated.exclude(difference=0).exclude(difference=None).count(),
        unsent=OutgoingUsage.objects.filter(state=OutgoingUsage.State.DEAD).select_related("window")[:_SHOWN],
    )


@admin_page
def comparison(request: ConsoleRequest, invoice_id: str) -> HttpResponse:
    """One invoice: each line beside ours, and each meter as we counted it, as Stripe sums it, as it is charged."""
    rows = Invoice.objects.select_related("organization", "subscription__product")
    invoice = get_object_or_404(rows, pk=invoice_id)
    connection, meters, failure = find_connection(), [], ""
    if connection is None or connection.mode != invoice.mode:
        failure = gettext("Stripe is not connected in %(mode)s mode, so its meters cannot be asked.") % {
            "mode": invoice.mode
        }
    else:
        try:
            meters = compare_usage(connection, invoice)
        except DriverFailed as error:
            failure = gettext("Stripe says: %(error)s") % {"error": error}
    return page(
        request,
        "console/admin/billing_comparison.html",
        invoice=invoice,
        meters=meters,
        failure=failure,
        lines=[(line, from_minor(line["amount"], invoice.currency)) for line in invoice.lines],
        subtotal=from_minor(invoice.subtotal, invoice.currency),
        local=None if invoice.local_subtotal is None else from_minor(invoice.local_subtotal, invoice.currency),
        difference=None if invoice.difference is None else from_minor(invoice.difference, invoice.currency),
    )
