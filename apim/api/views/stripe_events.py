"""The door for Stripe's events: checked, stored, and answered at once; what follows happens elsewhere."""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apim.billing.connection import find_connection
from apim.billing.driver import SignatureInvalid
from apim.billing.events import LARGEST_BYTES, receive_event
from apim.billing.tasks import announce_event

logger = logging.getLogger(__name__)


@csrf_exempt  # who calls has no session; the signature says who it is
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """200 for an event of ours, new or known; 400 for anything else, and then nothing has happened."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BYTES:
        return _refuse("The body is too large.")
    connection = find_connection()
    if connection is None or not connection.webhook_secret:
        return _refuse("No events are expected here.")
    body = request.body
    if len(body) > LARGEST_BYTES:
        return _refuse("The body is too large.")
    try:
        event = receive_event(connection, body, request.headers.get("Stripe-Signature", ""))
    except SignatureInvalid as fault:
        logger.warning("an event was refused: %s", fault)
        return _refuse("This is no event that Stripe signed for this installation.")
    if event is not None:
        announce_event(event.id)
    return JsonResponse({"received": True})


def _refuse(why: str) -> JsonResponse:
    return JsonResponse({"detail": why}, status=400)
