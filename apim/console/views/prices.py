"""The page of a plan's prices: an editor that makes the next version, and the simulator beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Q
from django.shortcuts import redirect
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.access.services import revise_plan
from apim.accounts.services import actor_of
from apim.console.forms.fields import BELOW
from apim.console.forms.price_rows import LimitRows, PriceRows
from apim.console.forms.prices import PricesForms, PricingForm, SampleForm, initial_of
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.simulation import Simulation, sample_usage, simulate
from apim.console.views.plans import find_plan_to_edit
from apim.pricing.terms import Terms as PricingTerms
from apim.products.models import Meter
from apim.products.services import Terms
from apim.products.services.plans import active_version, terms_of
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse, QueryDict

    from apim.console.gate import ConsoleRequest
    from apim.products.models import Plan, PlanVersion

_ROWS_AT_MOST = 50
_EMPTY: Mapping[str, Any] = {"model": "flat"}


@publisher_page
def plan_prices(request: ConsoleRequest, name: str) -> HttpResponse:
    """What a plan costs: saved as version n+1, or only simulated; rows come and go without being saved."""
    plan = find_plan_to_edit(request.user, name)
    current = active_version(plan)
    meters = _meters_of(plan)
    act = request.POST.get("act", "save")
    if request.method == "POST" and act.startswith(("add-", "remove-")):
        own, prices, limits = _changed_rows(request.POST, act)
        return _shown(request, plan, current, forms=_unbound(own, prices, limits, meters), terms=None)
    if request.method != "POST":
        pricing = current.pricing or {} if current else {}
        own, prices, limits = initial_of(pricing)
        forms = _unbound(own, prices or [dict(_EMPTY)], limits, meters)
        return _shown(request, plan, current, forms=forms, terms=current.terms if current else None)
    form = PricingForm(posted(request))
    price_rows = PriceRows(posted(request), prefix="prices", form_kwargs={"meters": meters})
    limit_rows = LimitRows(posted(request), prefix="limits", form_kwargs={"meters": meters})
    terms = None
    if all([form.is_valid(), price_rows.is_valid(), limit_rows.is_valid()]):  # a list: each shows its errors
        whole = PricesForms(form, price_rows, limit_rows)
        terms = whole.read()
        if terms is not None and act == "save":
            with errors_on(whole):
                old = terms_of(current) if current else Terms()
                version = revise_plan(plan=plan, terms=replace(old, pricing=whole.pricing()), by=actor_of(request.user))
                messages.success(
                    request,
                    gettext("Version %(number)s of %(plan)s is in force for new subscribers.")
                    % {"number": version.number, "plan": plan},
                )
                return redirect("console:plan", plan.name)
    else:
        form.add_error(None, BELOW)
    return _shown(request, plan, current, forms=(form, price_rows, limit_rows), terms=terms)


def _shown(
    request: ConsoleRequest,
    plan: Plan,
    current: PlanVersion | None,
    *,
    forms: tuple[PricingForm, Any, Any],
    terms: PricingTerms | None,
) -> HttpResponse:
    sample, simulation = _simulated(request, terms)
    staying = Subscription.objects.live().filter(plan_version__plan=plan)
    return page(
        request,
        "console/plans/prices.html",
        plan=plan,
        current=current,
        next_number=(plan.versions.count() or 0) + 1,
        subscribers=staying.count(),
        form=forms[0],
        prices=forms[1],
        limits=forms[2],
        has_meters=bool(_meters_of(plan)),
        sample=sample,
        simulation=simulation,
    )


def _simulated(request: ConsoleRequest, terms: PricingTerms | None) -> tuple[SampleForm | None, Simulation | None]:
    if terms is None or not terms.is_priced:
        return None, None
    sample = SampleForm(posted(request), meters=terms.meters, initial=sample_usage(terms))
    return sample, simulate(terms, sample.usage())


def _unbound(
    own: Mapping[str, Any],
    prices: Sequence[Mapping[str, Any]],
    limits: Sequence[Mapping[str, Any]],
    meters: Sequence[str],
) -> tuple[PricingForm, Any, Any]:
    return (
        PricingForm(initial=dict(own)),
        PriceRows(initial=list(prices), prefix="prices", form_kwargs={"meters": meters}),
        LimitRows(initial=list(limits), prefix="limits", form_kwargs={"meters": meters}),
    )


def _changed_rows(data: QueryDict, act: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """What was typed, with a row more or less. Shapes: act = add-prices, remove-prices-2, and the same for limits."""
    rows = {
        "prices": _typed_rows(data, "prices", PriceRows.form.base_fields),
        "limits": _typed_rows(data, "limits", LimitRows.form.base_fields),
    }
    verb, _, rest = act.partition("-")
    group, _, index = rest.partition("-")
    if verb == "add" and group in rows and len(rows[group]) < _ROWS_AT_MOST:
        rows[group].append(dict(_EMPTY) if group == "prices" else {})
    elif group in rows and index.isdecimal() and int(index) < len(rows[group]):
        del rows[group][int(index)]
    return {name: data.get(name) for name in PricingForm.base_fields}, rows["prices"], rows["limits"]


def _typed_rows(data: QueryDict, prefix: str, names: Mapping[str, Any]) -> list[dict[str, Any]]:
    total = data.get(f"{prefix}-TOTAL_FORMS", "")
    count = min(int(total), _ROWS_AT_MOST) if total.isdecimal() else 0
    return [{name: data.get(f"{prefix}-{index}-{name}", "") for name in names} for index in range(count)]


def _meters_of(plan: Plan) -> list[str]:
    usable = Meter.objects.filter(Q(organization=plan.organization_id) | Q(organization__is_default=True))
    return list(usable.values_list("name", flat=True))
