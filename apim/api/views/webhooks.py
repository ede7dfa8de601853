"""Webhooks: /webhooks, /webhook-deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from apim.api.lookups import find_webhook, find_webhook_delivery, named_organization, require_editable, require_member
from apim.api.paging import Listing, equals, is_true, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.webhooks import (
    DeliveryShape,
    DeliveryWithAttemptsShape,
    IssuedWebhookShape,
    ReplayBody,
    ReplayedShape,
    WebhookBody,
    WebhookChanges,
    WebhookRollBody,
    WebhookShape,
)
from apim.webhooks.models import Delivery, Endpoint
from apim.webhooks.services import (
    create_endpoint,
    delete_endpoint,
    replay,
    replay_failed,
    roll_secret,
    send_test,
    update_endpoint,
)

if TYPE_CHECKING:
    from apim.api.request import APIRequest

_TAG = "Webhooks"
LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={"organization": refers("organization"), "is_enabled": is_true("is_enabled")},
)
DELIVERY_LISTING = Listing(
    sorts={"created_at": "created_at"},
    default_sort="-created_at",
    filters={
        "endpoint": equals("endpoint_id"),
        "type": equals("event__type"),
        "state": equals("state", choices=tuple(Delivery.State.values)),
    },
)


class Webhooks(Resource):
    """/webhooks"""

    @operation("list_webhooks", tag=_TAG, scope="access:read", lists=WebhookShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The endpoints of the caller's organizations, without their secrets."""
        endpoints = Endpoint.objects.visible_to(request.user).select_related("organization")
        return page(request, endpoints, LISTING, WebhookShape)

    @operation(
        "create_webhook",
        tag=_TAG,
        scope="access:write",
        body=WebhookBody,
        answers=IssuedWebhookShape,
        status=201,
        example={"url": "https://example.com/webhooks", "event_types": ["key.expiring", "version.deprecated"]},
    )
    def post(self, request: APIRequest) -> Response:
        """Makes an endpoint; its secret is in this answer only."""
        data = self.read(WebhookBody)
        organization = named_organization(request.user, data.pop("organization"))
        require_member(request.user, organization)
        issued = create_endpoint(organization=organization, by=request.actor, **data)
        return answer_created(request, issued.endpoint, IssuedWebhookShape, "webhooks", secret=issued.secret)


class OneWebhook(Resource):
    """/webhooks/{webhook}"""

    @operation("get_webhook", tag=_TAG, scope="access:read", answers=WebhookShape)
    def get(self, request: APIRequest, webhook: str) -> Response:
        """The endpoint with this id."""
        return answer(request, find_webhook(request.user, webhook), WebhookShape)

    @operation("update_webhook", tag=_TAG, scope="access:write", body=WebhookChanges, answers=WebhookShape)
    def patch(self, request: APIRequest, webhook: str) -> Response:
        """Changes the fields that are sent. Switched off, nothing is sent to it; what it misses can be sent later."""
        found = _locked(request, webhook)
        changed = update_endpoint(endpoint=found, changes=self.read(WebhookChanges), by=request.actor)
        return answer(request, changed, WebhookShape)

    @operation("delete_webhook", tag=_TAG, scope="access:write", status=204)
    def delete(self, request: APIRequest, webhook: str) -> Response:
        """Forgets the endpoint and its deliveries."""
        delete_endpoint(endpoint=_locked(request, webhook), by=request.actor)
        return Response(status=204)


class RollWebhook(Resource):
    """/webhooks/{webhook}/roll"""

    @operation(
        "roll_webhook_secret",
        tag=_TAG,
        scope="access:write",
        body=WebhookRollBody,
        answers=IssuedWebhookShape,
        example={"overlap_s": 86_400},
    )
    def post(self, request: APIRequest, webhook: str) -> Response:
        """Makes a new secret; during the overlap each event is signed with either."""
        endpoint = _editable(request, webhook)
        overlap_s = self.read(WebhookRollBody)["overlap_s"]
        issued = roll_secret(endpoint=endpoint, overlap_s=overlap_s, by=request.actor)
        return answer(request, issued.endpoint, IssuedWebhookShape, secret=issued.secret)


class TestWebhook(Resource):
    """/webhooks/{webhook}/test"""

    @operation("test_webhook", tag=_TAG, scope="access:write", answers=DeliveryShape)
    def post(self, request: APIRequest, webhook: str) -> Response:
        """Sends a test event; the delivery says when the answer is there."""
        return answer(request, send_test(endpoint=_editable(request, webhook), by=request.actor), DeliveryShape)


class ReplayWebhook(Resource):
    """/webhooks/{webhook}/replay"""

    @operation(
        "replay_failed_deliveries",
        tag=_TAG,
        scope="access:write",
        body=ReplayBody,
        answers=ReplayedShape,
        example={"since": "2026-11-20T00:00:00Z"},
    )
    def post(self, request: APIRequest, webhook: str) -> Response:
        """Sends again what failed since then, each event under the webhook-id it had."""
        endpoint = _editable(request, webhook)
        count = replay_failed(endpoint=endpoint, since=self.read(ReplayBody)["since"], by=request.actor)
        return Response({"count": count})


class WebhookDeliveries(Resource):
    """/webhook-deliveries"""

    @operation("list_webhook_deliveries", tag=_TAG, scope="access:read", lists=DeliveryShape, listing=DELIVERY_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The deliveries of the last 30 days to the caller's endpoints."""
        deliveries = Delivery.objects.visible_to(request.user).select_related("event")
        return page(request, deliveries, DELIVERY_LISTING, DeliveryShape)


class OneWebhookDelivery(Resource):
    """/webhook-deliveries/{delivery}"""

    @operation("get_webhook_delivery", tag=_TAG, scope="access:read", answers=DeliveryWithAttemptsShape)
    def get(self, request: APIRequest, delivery: str) -> Response:
        """The delivery with this id, and what each attempt brought."""
        return answer(request, find_webhook_delivery(request.user, delivery), DeliveryWithAttemptsShape)


class ReplayWebhookDelivery(Resource):
    """/webhook-deliveries/{delivery}/replay"""

    @operation("replay_webhook_delivery", tag=_TAG, scope="access:write", answers=DeliveryShape)
    def post(self, request: APIRequest, delivery: str) -> Response:
        """Sends the event once more under the webhook-id it had."""
        found = find_webhook_delivery(request.user, delivery)
        require_editable(Delivery.objects.editable_by(request.user), found)
        return answer(request, replay(delivery=found, by=request.actor), DeliveryShape)


def _editable(request: APIRequest, reference: str) -> Endpoint:
    endpoint = find_webhook(request.user, reference)
    require_editable(Endpoint.objects.editable_by(request.user), endpoint)
    return endpoint


def _locked(request: APIRequest, reference: str) -> Endpoint:
    endpoint = _editable(request, reference)
    lock(endpoint)
    check_match(request, endpoint, WebhookShape)
    return endpoint
