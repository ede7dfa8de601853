"""Changes of plan of what is paid: /subscriptions/{subscription}/switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.response import Response

from apim.access.models import Subscription
from apim.api.lookups import find_plan, find_subscription, require_editable
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.switching import SwitchBody, SwitchedShape, SwitchPreviewShape
from apim.billing.switch_previews import SwitchPreview, preview_switch
from apim.billing.switching import find_change, switch_plan, undo_switch
from apim.errors import Invalid
from apim.pricing.money import from_minor, money_text

if TYPE_CHECKING:
    from apim.api.request import APIRequest
    from apim.billing.switch_charges import Charge

_PLAN = OpenApiParameter("plan", str, OpenApiParameter.QUERY, required=True, description="Id or name.")


class SwitchPlan(Resource):
    """/subscriptions/{subscription}/switch"""

    @operation("preview_switch", tag="Access", scope="access:read", answers=SwitchPreviewShape, parameters=(_PLAN,))
    def get(self, request: APIRequest, subscription: str) -> Response:
        """What another plan would charge now and when it would hold; nothing is changed."""
        found = _own(request, subscription)
        reference = request.query_params.get("plan", "")
        if not reference:
            raise Invalid("request.plan_missing", "Say which plan.", hint="Add `?plan=`.", field="plan")
        plan = find_plan(request.user, reference)
        return Response(_preview(preview_switch(subscription=found, plan=plan)))

    @operation(
        "switch_plan",
        tag="Access",
        scope="access:write",
        body=SwitchBody,
        answers=SwitchedShape,
        example={"plan": "growth"},
        asks_provider=True,
    )
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Changes the plan of what is paid: at once and only if paid, or with the next period.

        What is not paid yet, or costs nothing, changes by `POST /subscriptions`.
        """
        found, data = _own(request, subscription), self.read(SwitchBody)
        plan = find_plan(request.user, data["plan"])
        switch_plan(
            subscription=found, plan=plan, by=request.actor, version_id=data["version"], shown_at=data["shown_at"]
        )
        return Response(_switched(found))


class UndoSwitch(Resource):
    """/subscriptions/{subscription}/switch/undo"""

    @operation("undo_switch", tag="Access", scope="access:write", answers=SwitchedShape, asks_provider=True)
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Takes a change back that waits for its payment or for the next period."""
        found = _own(request, subscription)
        undo_switch(subscription=found, by=request.actor)
        return Response(_switched(found))


def _own(request: APIRequest, reference: str) -> Subscription:
    """The subscription, which the caller holds."""
    found = find_subscription(request.user, reference)
    require_editable(Subscription.objects.editable_by(request.user), found)
    return found


def _preview(shown: SwitchPreview) -> dict[str, Any]:
    return {
        "plan": shown.switch.version.plan.name,
        "version": shown.switch.version.id,
        "is_immediate": shown.switch.is_immediate,
        "at": shown.switch.at,
        "shown_at": shown.shown_at,
        "charge": _charge(shown.charge) if shown.charge else None,
    }


def _charge(charge: Charge) -> dict[str, Any]:
    def text(minor: int) -> str:
        return money_text(from_minor(minor, charge.currency), charge.currency)

    return {
        "currency": charge.currency,
        "lines": [{"name": line.name, "amount": text(line.amount)} for line in charge.lines],
        "total": text(charge.total),
        "due": text(charge.due),
        "local_total": money_text(charge.ours.total, charge.currency),
    }


def _switched(subscription: Subscription) -> dict[str, Any]:
    now = Subscription.objects.with_names().get(pk=subscription.pk)
    change = find_change(now)
    coming = change and {
        "plan": change.to_version.plan.name,
        "plan_version": change.to_version.number,
        "kind": change.kind,
        "at": change.at,
        "pay_url": change.pay_url,
    }
    version = now.plan_version
    return {"subscription": now.pk, "plan": version.plan.name, "plan_version": version.number, "coming": coming}
