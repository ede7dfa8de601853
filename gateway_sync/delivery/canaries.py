"""Canaries: the gateways that are sent publications on trial."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.errors import Conflict
from apim.gateways.models import Gateway
from gateway_sync.delivery.trials import is_on_trial


@transaction.atomic
def set_canary(*, gateway: Gateway, is_canary: bool, by: Actor) -> Gateway:
    """The gateway, sent publications on trial or not. Errors: Conflict gateways.on_trial."""
    gateway.refresh_from_db(from_queryset=Gateway.objects.select_for_update())
    if gateway.is_canary == is_canary:
        return gateway
    if is_on_trial(gateway.environment_id):  # else it would be offered an older state than it has
        message = gettext("A publication is on trial: it is decided within minutes.")
        raise Conflict("gateways.on_trial", message, hint=gettext("Wait for its end."))
    before, gateway.is_canary = {"is_canary": gateway.is_canary}, is_canary
    gateway.save(update_fields=["is_canary"])
    record(by=by, action="gateway.set_canary", target=gateway, before=before, after={"is_canary": is_canary})
    return gateway
