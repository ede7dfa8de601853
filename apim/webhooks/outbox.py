"""The outbox: events and their deliveries, written in the transaction in which something happened.

Owns: who is told of an event. Must not know: how it is sent; what happened, beyond a type and data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from apim import broker
from apim.webhooks.constants import DELIVER_TASK
from apim.webhooks.models import Delivery, Endpoint, Event


@dataclass(frozen=True, slots=True)
class News:
    """What happened in an organization. Shapes: data is JSON without secrets; once_key names what is told once only."""

    type: str
    organization_id: str
    data: Mapping[str, Any]
    once_key: str = ""


def emit(news: Iterable[News]) -> int:
    """How many endpoints will be told. Call it in the transaction of the change: both are kept, or neither.

    News that no endpoint wants costs one query for all of it, and no row.
    """
    pieces = list(news)
    told, endpoints = 0, _endpoints_of({each.organization_id for each in pieces})
    keys = {_key_of(each) for each in pieces if each.once_key} if endpoints else set()
    known = set(Event.objects.filter(once_key__in=keys).values_list("once_key", flat=True)) if keys else set()
    for each in pieces:
        if _key_of(each) in known:
            continue
        wanted = [endpoint for endpoint in endpoints.get(each.organization_id, ()) if each.type in endpoint.event_types]
        if wanted:
            told += _tell(each, wanted)
    return told


def _key_of(news: News) -> str | None:
    return f"{news.once_key}:{news.organization_id}" if news.once_key else None


def _endpoints_of(organization_ids: set[str]) -> dict[str, list[Endpoint]]:
    found: dict[str, list[Endpoint]] = {}
    for endpoint in Endpoint.objects.filter(organization__in=organization_ids) if organization_ids else ():
        found.setdefault(endpoint.organization_id, []).append(endpoint)
    return found


def _tell(news: News, endpoints: Iterable[Endpoint]) -> int:
    key = _key_of(news)
    if key is None:
        event = Event.objects.create(type=news.type, organization_id=news.organization_id, data=dict(news.data))
        return deliver_to(endpoints, event)
    values = {"type": news.type, "organization_id": news.organization_id, "data": dict(news.data)}
    event, is_new = Event.objects.get_or_create(once_key=key, defaults=values)
    return deliver_to(endpoints, event) if is_new else 0


def emit_of_version(type_: str, *, version_id: str, data: Mapping[str, Any]) -> None:
    """Keep what happened to a version until it is known who subscribed to it; see access.telling."""
    if Endpoint.objects.exists():
        Event.objects.create(type=type_, subject=version_id, data=dict(data), is_spread=False)
        announce_on_commit()


def deliver_to(endpoints: Iterable[Endpoint], event: Event) -> int:
    """How many deliveries were made. What a switched-off endpoint misses is kept as failed, to be sent again later."""
    now = timezone.now()
    deliveries = [
        Delivery(endpoint=endpoint, event=event, retry_at=now)
        if endpoint.is_enabled
        else Delivery(endpoint=endpoint, event=event, state=Delivery.State.FAILED, finished_at=now)
        for endpoint in endpoints
    ]
    Delivery.objects.bulk_create(deliveries)
    announce_on_commit()
    return len(deliveries)


def announce() -> None:
    """Ask a worker to send now."""
    broker.announce(DELIVER_TASK, ())


def announce_on_commit() -> None:
    """Once a transaction, however many events it has."""
    connection = transaction.get_connection()
    if not any(callback is announce for _, callback, *_ in connection.run_on_commit):
        transaction.on_commit(announce)
