"""What products earn: recurring revenue, usage, overage, who came and who left, who owes something."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from apim.billing.connection import mode_in_use
from apim.billing.models import Mode
from apim.billing.revenue import read_revenue
from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.console.scope import products_of
from apim.pricing.money import money_text
from apim.ui.amounts import Amounts
from apim.ui.downloads import csv_response
from apim.ui.templatetags.formats import short_month

if TYPE_CHECKING:
    from django.http import HttpResponse
    from django.utils.functional import _StrPromise

    from apim.billing.revenue_figures import Month, Revenue
    from apim.console.gate import ConsoleRequest

_COLUMNS: tuple[tuple[str, str | _StrPromise], ...] = (
    ("mrr", "MRR"),
    ("new", gettext_lazy("New")),
    ("expansion", gettext_lazy("Expansion")),
    ("contraction", gettext_lazy("Contraction")),
    ("churned", gettext_lazy("Churned")),
    ("usage", gettext_lazy("Usage")),
    ("overage", gettext_lazy("Of it overage")),
    ("once", gettext_lazy("Once")),
    ("given_back", gettext_lazy("Given back")),
)


@publisher_page
def revenue_page(request: ConsoleRequest) -> HttpResponse:
    """The figures of one currency; ?currency= chooses which, where there are several."""
    found = _read(request)
    asked = request.GET.get("currency", "")
    shown = next((each for each in found if each.currency == asked), found[0] if found else None)
    return page(
        request,
        "console/revenue.html",
        revenue=shown,
        currencies=[each.currency for each in found],
        is_test_mode=mode_in_use() == Mode.TEST,
        tables=_table(shown) if shown else [],
        columns=[title for _, title in _COLUMNS],
        recurring=_recurring_bars(shown) if shown else [],
        usage=_usage_bars(shown) if shown else [],
    )


@publisher_page
def revenue_csv(request: ConsoleRequest) -> HttpResponse:
    """Every month of every currency, as a table that spreadsheets open."""
    rows = (
        (
            f"{month.start:%Y-%m}",
            revenue.currency,
            *(money_text(getattr(month, name), revenue.currency) for name, _ in _COLUMNS),
        )
        for revenue in _read(request)
        for month in revenue.months
    )
    return csv_response("revenue", (gettext("Month"), gettext("Currency"), *(title for _, title in _COLUMNS)), rows)


def _read(request: ConsoleRequest) -> list[Revenue]:
    mode = mode_in_use() or Mode.LIVE  # what was earned stays when Stripe is disconnected
    return read_revenue(mode=mode, products=products_of(request.user), now=timezone.now())


def _table(revenue: Revenue) -> list[tuple[Month, list[tuple[str | _StrPromise, Decimal]]]]:
    """The months, the present one first, with their amounts beside the titles."""
    return [(month, [(title, getattr(month, name)) for name, title in _COLUMNS]) for month in reversed(revenue.months)]


def _recurring_bars(revenue: Revenue) -> list[Amounts]:
    """MRR by month; nothing to draw where it was 0 in each."""
    bars = [Amounts(short_month(month.start), {"MRR": float(month.mrr)}) for month in revenue.months]
    return _with_some(bars)


def _usage_bars(revenue: Revenue) -> list[Amounts]:
    """Usage as what is above a plan's included units and the rest; nothing to draw where there was none."""
    words = gettext("pay as you go"), gettext("overage")
    return _with_some([
        Amounts(
            short_month(month.start), {words[0]: float(month.usage - month.overage), words[1]: float(month.overage)}
        )
        for month in revenue.months
    ])  # fmt: skip


def _with_some(bars: list[Amounts]) -> list[Amounts]:
    """The bars; none where axes would stand alone."""
    return bars if any(amount for bar in bars for amount in bar.parts.values()) else []
