"""Subscriptions: /subscriptions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch, Q
from rest_framework.response import Response

from apim.access.models import Application, Subscription
from apim.access.services import (
    approve_subscription,
    cancel_subscription,
    pause_subscription,
    reject_subscription,
    resume_subscription,
    subscribe,
)
from apim.access.sharing import require_no_other_team
from apim.api.lookups import (
    find_application,
    find_plan,
    find_product,
    find_subscription,
    named_environment,
    require_editable,
)
from apim.api.paging import Listing, equals, page, refers
from apim.api.preconditions import answer, answer_created
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.access import CancelBody, SubscriptionBody, SubscriptionShape
from apim.api.serializers.accounts import ReasonBody
from apim.billing.connection import is_connected
from apim.billing.telling import cancel_at_provider, is_bought

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apim.accounts.models import Viewer
    from apim.api.request import APIRequest


def _covering(user: Viewer, value: str) -> Q:
    """Those that cover an application of this id or name, which the user may be told of."""
    named = Application.objects.named_to(user).filter(Q(pk=value) | Q(name=value))
    return Q(pk__in=Subscription.objects.filter(applications__in=named).values("pk"))


LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={
        "organization": refers("organization"),
        "product": refers("product"),
        "environment": refers("environment"),
        "lifecycle": equals("lifecycle", choices=tuple(Subscription.Lifecycle.values)),
        "payment": equals("payment", choices=tuple(Subscription.Payment.values)),
        "application": lambda value: _covering(AnonymousUser(), value),
        "name": equals("name"),
    },
)


def with_parties(subscriptions: QuerySet[Subscription], user: Viewer) -> QuerySet[Subscription]:
    """Subscriptions with all that SubscriptionShape shows; what other teams have is not named."""
    related = ("organization", "product", "environment", "plan_version__plan")
    applications = Prefetch("applications", Application.objects.named_to(user))
    return subscriptions.select_related(*related).prefetch_related(applications)


def decidable(request: APIRequest, reference: str) -> Subscription:
    """The subscription, which the caller may decide on as an owner of its product."""
    subscription = find_subscription(request.user, reference)
    require_editable(Subscription.objects.decidable_by(request.user), subscription)
    return subscription


def editable_or_decidable(request: APIRequest, reference: str) -> Subscription:
    """The subscription, which the caller holds or may decide on."""
    subscription = find_subscription(request.user, reference)
    if not Subscription.objects.editable_by(request.user).filter(pk=subscription.pk).exists():
        require_editable(Subscription.objects.decidable_by(request.user), subscription)
    return subscription


class Subscriptions(Resource):
    """/subscriptions"""

    @operation("list_subscriptions", tag="Access", scope="access:read", lists=SubscriptionShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The subscriptions of the caller's organizations and those to their products."""
        rows = with_parties(Subscription.objects.visible_to(request.user), request.user)
        listing = replace(LISTING, filters=LISTING.filters | {"application": partial(_covering, request.user)})
        return page(request, rows, listing, SubscriptionShape)

    @operation(
        "create_subscription",
        tag="Access",
        scope="access:write",
        body=SubscriptionBody,
        answers=SubscriptionShape,
        status=201,
        example={"application": "shop", "product": "bank-payments", "plan": "starter"},
    )
    def post(self, request: APIRequest) -> Response:
        """Subscribes an application; a live subscription of its organization is joined, not doubled.

        A plan with prices is granted once it is paid, on the page that `checkout_url` names.
        """
        data = self.read(SubscriptionBody)
        application = find_application(request.user, data["application"])
        require_editable(Application.objects.editable_by(request.user), application)
        product, plan = find_product(request.user, data["product"]), find_plan(request.user, data["plan"])
        environment = named_environment(data["environment"])
        is_others = require_no_other_team(
            user=request.user, application=application, product=product, plan=plan, environment=environment
        )
        subscription = subscribe(
            application=application,
            product=product,
            plan=plan,
            environment=environment,
            name=data["name"],
            note=data["note"],
            by=request.actor,
            is_checkout=is_connected(),  # its answer says where it is paid; nothing is granted before
            is_others=is_others,
        )
        return answer_created(request, subscription, SubscriptionShape, "subscriptions")


class OneSubscription(Resource):
    """/subscriptions/{subscription}"""

    @operation("get_subscription", tag="Access", scope="access:read", answers=SubscriptionShape)
    def get(self, request: APIRequest, subscription: str) -> Response:
        """One subscription."""
        return answer(request, find_subscription(request.user, subscription), SubscriptionShape)


class ApproveSubscription(Resource):
    """/subscriptions/{subscription}/approve"""

    @operation("approve_subscription", tag="Access", scope="access:write", answers=SubscriptionShape)
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Grants what was requested."""
        found = decidable(request, subscription)
        return answer(request, approve_subscription(subscription=found, by=request.actor), SubscriptionShape)


class RejectSubscription(Resource):
    """/subscriptions/{subscription}/reject"""

    @operation(
        "reject_subscription",
        tag="Access",
        scope="access:write",
        body=ReasonBody,
        answers=SubscriptionShape,
        example={"reason": "Please use the sandbox first."},
    )
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Refuses what was requested, and says why."""
        found, reason = decidable(request, subscription), self.read(ReasonBody)["reason"]
        changed = reject_subscription(subscription=found, by=request.actor, reason=reason)
        return answer(request, changed, SubscriptionShape)


class PauseSubscription(Resource):
    """/subscriptions/{subscription}/pause"""

    @operation("pause_subscription", tag="Access", scope="access:write", body=ReasonBody, answers=SubscriptionShape)
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Refuses its calls until it is resumed."""
        found, reason = decidable(request, subscription), self.read(ReasonBody)["reason"]
        changed = pause_subscription(subscription=found, by=request.actor, reason=reason)
        return answer(request, changed, SubscriptionShape)


class ResumeSubscription(Resource):
    """/subscriptions/{subscription}/resume"""

    @operation("resume_subscription", tag="Access", scope="access:write", answers=SubscriptionShape)
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Lets a paused subscription be used again."""
        found = decidable(request, subscription)
        return answer(request, resume_subscription(subscription=found, by=request.actor), SubscriptionShape)


class CancelSubscription(Resource):
    """/subscriptions/{subscription}/cancel"""

    @operation("cancel_subscription", tag="Access", scope="access:write", body=CancelBody, answers=SubscriptionShape)
    def post(self, request: APIRequest, subscription: str) -> Response:
        """Ends it, at once or `at` a time."""
        found, data = editable_or_decidable(request, subscription), self.read(CancelBody)
        is_own = not Subscription.objects.decidable_by(request.user).filter(pk=found.pk).exists()
        if is_own and data["at"] is None and is_bought(found):  # Stripe hears of it first, and credits nothing
            cancel_at_provider(subscription=found, is_at_period_end=False, by=request.actor)
            changed = find_subscription(request.user, found.pk)
        else:
            changed = cancel_subscription(subscription=found, by=request.actor, at=data["at"])
        return answer(request, changed, SubscriptionShape)
