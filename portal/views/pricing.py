"""All plans side by side, and what each would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.core.paginator import Paginator

from portal.forms.pricing import EstimateForm
from portal.offers import plan_offers, products_with_plans
from portal.pricing import CALLS, PRESETS, estimates
from portal.rendering import page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_PRODUCTS_A_PAGE: Final = 24


def show_pricing(request: HttpRequest) -> HttpResponse:
    """The plans of every product in a matrix, with the bill for so many calls a month."""
    form = EstimateForm(request.GET if "calls" in request.GET else None, initial={"calls": CALLS})
    calls = form.cleaned_data["calls"] if form.is_bound and form.is_valid() else CALLS
    rows = Paginator(products_with_plans(request.user), _PRODUCTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "section": "pricing",
        "form": form,
        "calls": calls,
        "presets": PRESETS,
        "rows": rows,
        "products": [(product, estimates(plan_offers(product), calls)) for product in rows],
    }
    return page(request, "portal/pricing.html", context, "portal/_pricing_results.html")
