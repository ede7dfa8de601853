"""Writes on endpoints and deliveries: made, changed, rolled, tested, sent again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.listing import enumerated
from apim.validation import require_clean, require_known
from apim.webhooks import outbox
from apim.webhooks.addresses import check_url
from apim.webhooks.constants import LONGEST_OVERLAP, MOST_ENDPOINTS
from apim.webhooks.disabling import SWITCHED_OFF, disable
from apim.webhooks.events import TEST, TYPES
from apim.webhooks.models import Delivery, Endpoint, Event
from apim.webhooks.sealing import sealed
from apim.webhooks.signing import new_secret

_CHANGEABLE = {"url", "description", "event_types", "is_enabled"}


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """An endpoint and its secret, which is shown this once."""

    endpoint: Endpoint
    secret: str


@transaction.atomic
def create_endpoint(
    *, organization: Organization, url: str, event_types: Iterable[str], by: Actor, description: str = ""
) -> IssuedSecret:
    """A new endpoint of the organization.

    Errors: Invalid webhooks.url, webhooks.event_types; Conflict webhooks.too_many.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if organization.webhook_endpoints.count() >= MOST_ENDPOINTS:
        raise Conflict(
            "webhooks.too_many",
            _("%(organization)s has %(most)s endpoints, and no more are kept.")
            % {"organization": organization, "most": MOST_ENDPOINTS},
            hint=_("Delete one that is not needed."),
        )
    endpoint = Endpoint(
        organization=organization,
        url=check_url(url),
        description=description.strip(),
        event_types=_checked_types(event_types),
        created_by=by.label,
    )
    secret = new_secret()
    endpoint.secret_sealed = sealed(endpoint, secret)
    require_clean(endpoint, prefix="webhooks")
    endpoint.save(force_insert=True)
    record(by=by, action="webhook.create", target=endpoint, after=state_of(endpoint))
    return IssuedSecret(endpoint, secret)


@transaction.atomic
def update_endpoint(*, endpoint: Endpoint, changes: Mapping[str, Any], by: Actor) -> Endpoint:
    """The endpoint with other values. Switched off, what waits counts as failed; switched on, it starts afresh."""
    require_known(changes, _CHANGEABLE, prefix="webhooks", noun="An endpoint")
    endpoint = _locked(endpoint)
    before = state_of(endpoint)
    if "url" in changes:
        endpoint.url = check_url(changes["url"])
    if "event_types" in changes:
        endpoint.event_types = _checked_types(changes["event_types"])
    endpoint.description = str(changes.get("description", endpoint.description)).strip()
    if changes.get("is_enabled") and not endpoint.is_enabled:
        endpoint.is_enabled, endpoint.disabled_reason, endpoint.failing_since = True, "", None
    require_clean(endpoint, prefix="webhooks")
    endpoint.save()
    if state_of(endpoint) != before:
        record(by=by, action="webhook.update", target=endpoint, before=before, after=state_of(endpoint))
    if changes.get("is_enabled") is False and endpoint.is_enabled:
        disable(endpoint, reason=SWITCHED_OFF % {"who": by.label}, by=by)
    return endpoint


@transaction.atomic
def delete_endpoint(*, endpoint: Endpoint, by: Actor) -> None:
    """Forget the endpoint and its deliveries."""
    endpoint = _locked(endpoint)
    record(by=by, action="webhook.delete", target=endpoint, before=state_of(endpoint))
    endpoint.delete()


@transaction.atomic
def roll_secret(*, endpoint: Endpoint, overlap_s: int, by: Actor) -> IssuedSecret:
    """A new secret; the old one signs too for overlap_s more.

    Errors: Invalid webhooks.overlap_out_of_range.
    """
    overlap = timedelta(seconds=overlap_s)
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise Invalid(
            "webhooks.overlap_out_of_range",
            _("The old secret can sign for 0 to %(most)s seconds more.")
            % {"most": int(LONGEST_OVERLAP.total_seconds())},
            field="overlap_s",
        )
    endpoint = _locked(endpoint)
    secret = new_secret()
    endpoint.previous_secret_sealed = endpoint.secret_sealed if overlap else b""
    endpoint.previous_until = timezone.now() + overlap if overlap else None
    endpoint.secret_sealed = sealed(endpoint, secret)
    endpoint.save()
    record(by=by, action="webhook.roll_secret", target=endpoint, after={"overlap_s": overlap_s})
    return IssuedSecret(endpoint, secret)


@transaction.atomic
def send_test(*, endpoint: Endpoint, by: Actor) -> Delivery:
    """The delivery of a test event.

    Errors: Conflict webhooks.disabled.
    """
    endpoint = _locked(endpoint)
    _check_enabled(endpoint)
    data = {"message": "This is a test.", "endpoint": endpoint.id, "sent_by": by.label}
    event = Event.objects.create(type=TEST, organization_id=endpoint.organization_id, data=data)
    outbox.deliver_to([endpoint], event)
    return endpoint.deliveries.get(event=event)


@transaction.atomic
def replay(*, delivery: Delivery, by: Actor) -> Delivery:
    """The delivery, on its way again under the same webhook-id; one that is on its way already stays as it is.

    Errors: Conflict webhooks.disabled.
    """
    endpoint = _locked(delivery.endpoint)
    _check_enabled(endpoint)
    if _restart(Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.PENDING)):
        record(by=by, action="webhook.replay", target=endpoint, after={"delivery": delivery.id})
        outbox.announce_on_commit()
    return Delivery.objects.select_related("endpoint", "event").get(pk=delivery.pk)


@transaction.atomic
def replay_failed(*, endpoint: Endpoint, since: datetime, by: Actor) -> int:
    """How many failed deliveries of events since then are on their way again.

    Errors: Conflict webhooks.disabled.
    """
    endpoint = _locked(endpoint)
    _check_enabled(endpoint)
    count = _restart(endpoint.deliveries.filter(state=Delivery.State.FAILED, created_at__gte=since))
    if count:
        record(by=by, action="webhook.replay", target=endpoint, after={"since": since.isoformat(), "count": count})
        outbox.announce_on_commit()
    return count


def _restart(deliveries: Any) -> int:
    started: int = deliveries.update(
        state=Delivery.State.PENDING, attempts=0, retry_at=timezone.now(), finished_at=None
    )
    return started


def _locked(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.select_for_update().get(pk=endpoint.pk)


def _check_enabled(endpoint: Endpoint) -> None:
    if not endpoint.is_enabled:
        raise Conflict(
            "webhooks.disabled",
            _("The endpoint is switched off, so nothing is sent to it."),
            hint=_("Switch it on first."),
        )


def _checked_types(event_types: Iterable[str]) -> list[str]:
    wanted = set(event_types)
    unknown = sorted(wanted - TYPES.keys())
    if unknown or not wanted:
        raise Invalid(
            "webhooks.event_types",
            _("There is no event %(name)s.") % {"name": unknown[0]} if unknown else _("Choose at least one event."),
            field="event_types",
            hint=_("Events are %(names)s.") % {"names": enumerated(TYPES)},
        )
    return [name for name in TYPES if name in wanted]
