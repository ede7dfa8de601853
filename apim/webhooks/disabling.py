"""Switching endpoints off and on, and the mail that says so."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apim.accounts.links import absolute_url
from apim.accounts.models import Membership
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.notifications.posting import post
from apim.webhooks.models import Delivery, Endpoint

SWITCHED_OFF = gettext_noop("Switched off by %(who)s.")  # kept in English, said in the language of who reads it


def disable(endpoint: Endpoint, *, reason: str, by: Actor) -> None:
    """Send it nothing any more; what waits counts as failed. Runs inside the caller's transaction."""
    before = state_of(endpoint)
    endpoint.is_enabled = False
    endpoint.disabled_reason = reason
    endpoint.save(update_fields=["is_enabled", "disabled_reason", "updated_at"])
    endpoint.deliveries.filter(state=Delivery.State.PENDING).update(
        state=Delivery.State.FAILED, retry_at=None, finished_at=timezone.now()
    )
    record(by=by, action="webhook.disable", target=endpoint, before=before, after=state_of(endpoint), reason=reason)


def disable_failing(endpoint: Endpoint, reason: str) -> None:
    """Switch off an endpoint that cannot be reached, and tell everyone in its organization."""
    disable(endpoint, reason=reason, by=system_actor("webhooks"))
    members = Membership.objects.filter(organization=endpoint.organization_id, user__is_active=True)
    post(
        "webhooks.disabled",
        to=list(members.order_by("created_at").values_list("user__email", flat=True)),
        values={
            "name": endpoint,
            "url": endpoint.url,
            "reason": lambda: _(reason),
            "link": absolute_url(f"/my/webhooks/{endpoint.id}"),
        },
    )
