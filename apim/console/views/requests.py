"""Single calls, explained: found by the id that each answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import redirect

from apim.access.models import Application, Credential, Subscription
from apim.catalog.models import APIVersion
from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.gateways.sandbox import is_twin, original_id
from apim.usage import traces
from apim.usage.flows import choice_of, flow_of
from apim.usage.reports import find_request

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

SHOWN = 30
LONGEST_ID = 80


@publisher_page
def request_list(request: ConsoleRequest) -> HttpResponse:
    """A field for an id, and the newest calls that were explained."""
    wanted = request.GET.get("id", "").strip()[:LONGEST_ID]
    if wanted and "/" not in wanted:
        return redirect("console:request", wanted)
    kept = traces.latest(request.user, SHOWN)
    versions = APIVersion.objects.select_related("api").in_bulk({original_id(each.version_id) for each in kept})
    rows = [(each, versions.get(original_id(each.version_id)), is_twin(each.version_id)) for each in kept]
    return page(request, "console/requests/list.html", rows=rows)


@publisher_page
def request_page(request: ConsoleRequest, request_id: str) -> HttpResponse:
    """One call: its way through the gateway, its tries, where the time went."""
    found = traces.find_trace(request_id, request.user)
    record = find_request(request_id, request.user)
    if found is None and record is None:
        context = {"request_id": request_id[:LONGEST_ID]}
        response = page(request, "console/requests/missing.html", **context)
        response.status_code = 404
        return response
    record = record or traces.record_of(found)
    application = Application.objects.visible_to(request.user).filter(id=record.application_id).first()
    trace = found.trace if found is not None else None
    products = _products([each.subscription for each in trace.rivals]) if trace is not None else {}
    return page(
        request,
        "console/requests/page.html",
        record=record,
        found=found,
        trace=trace,
        flow=flow_of(trace) if trace is not None else None,
        choice=choice_of(trace, products) if trace is not None else [],
        version=APIVersion.objects.select_related("api").filter(id=original_id(record.version_id)).first(),
        is_sandbox=is_twin(record.version_id),
        application=application,
        credential=Credential.objects.filter(id=record.credential_id).first(),
        subscription=Subscription.objects.filter(id=record.subscription_id).with_names().first(),
    )


def _products(subscription_ids: list[str]) -> dict[str, str]:
    """The names of the products of subscriptions, by the products' ids."""
    found = Subscription.objects.filter(id__in=subscription_ids).select_related("product")
    return {each.product_id: str(each.product) for each in found}
