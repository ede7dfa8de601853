"""All plans side by side, and what each would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.forms.pricing import EstimateForm
from portal.offers import offered_products, plan_offers
from portal.pricing import CALLS, PRESETS, estimates
from portal.rendering import page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def show_pricing(request: HttpRequest) -> HttpResponse:
    """The plans of every product in a matrix, with the bill for so many calls a month."""
    form = EstimateForm(request.GET if "calls" in request.GET else None, initial={"calls": CALLS})
    calls = form.cleaned_data["calls"] if form.is_bound and form.is_valid() else CALLS
    offered = [(product, plan_offers(product)) for product in offered_products(request.user)]
    context = {
        "section": "pricing",
        "form": form,
        "calls": calls,
        "presets": PRESETS,
        "products": [(product, estimates(offers, calls)) for product, offers in offered if offers],
    }
    return page(request, "portal/pricing.html", context, "portal/_pricing_results.html")
