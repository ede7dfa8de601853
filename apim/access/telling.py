"""What webhooks are told of keys, subscriptions and versions, and who hears of it.

Owns: the data of these events. Must not know: endpoints, how events are sent. Called in the transaction of the change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from apim.access.models import Credential, Subscription
from apim.accounts.models import Organization
from apim.catalog.models import APIVersion
from apim.products.models import Product
from apim.webhooks.models import Event
from apim.webhooks.outbox import News, emit

_BATCH = 100


def tell_keys(type_: str, credentials: Iterable[Credential], *, reason: str = "", once_key: str = "") -> None:
    """Tell the organizations of these keys. Shapes: credentials come with their application."""
    emit(
        News(
            type_,
            each.application.organization_id,
            key_data(each) | ({"reason": reason} if reason else {}),
            once_key=f"{type_}:{each.id}:{once_key}" if once_key else "",
        )
        for each in credentials
    )


def tell_subscription(type_: str, subscription: Subscription) -> None:
    """Tell who subscribed and, when that is another organization, who offers the product."""
    data = subscription_data(subscription)
    organizations = sorted({subscription.organization_id, subscription.product.organization_id})
    emit(News(type_, organization_id, data) for organization_id in organizations)


def key_data(credential: Credential) -> dict[str, Any]:
    """What is said of a key: never the key itself, nor its hash."""
    return {
        "id": credential.id,
        "kind": credential.kind,
        "shown": credential.shown,
        "label": credential.label,
        "application": {"id": credential.application_id, "name": credential.application.name},
        "environment": credential.environment.name,
        "state": credential.state,
        "expires_at": credential.expires_at.isoformat() if credential.expires_at else None,
        "successor": credential.successor_id,
    }


def subscription_data(subscription: Subscription) -> dict[str, Any]:
    """What is said of a subscription."""
    wish = subscription.requested_plan_version
    return {
        "id": subscription.id,
        "organization": subscription.organization.name,
        "product": subscription.product.name,
        "plan": subscription.plan_version.plan.name,
        "requested_plan": wish.plan.name if wish else None,
        "environment": subscription.environment.name,
        "lifecycle": subscription.lifecycle,
        "reason": subscription.reason,
        "ends_at": subscription.ends_at.isoformat() if subscription.ends_at else None,
    }


def spread_version_events() -> int:
    """How many events of versions were passed on to those whom they concern."""
    ids = Event.objects.filter(is_spread=False).order_by("id").values_list("id", flat=True)[:_BATCH]
    return sum(_spread(event_id) for event_id in list(ids))


@transaction.atomic
def _spread(event_id: str) -> bool:
    event = Event.objects.select_for_update().filter(id=event_id, is_spread=False).first()
    if event is None:
        return False
    emit(News(event.type, organization_id, event.data) for organization_id in _concerned(event))
    event.is_spread = True
    event.save(update_fields=["is_spread"])
    return True


def _concerned(event: Event) -> list[str]:
    """Ids of the organization that offers the version, and of those that subscribed to it.

    A version that is published is news to those who subscribed to any version of its API.
    """
    version = APIVersion.objects.select_related("api").filter(id=event.subject).first()
    if version is None:
        return []
    is_new = event.type == "version.published"
    items = {"items__version__api": version.api_id} if is_new else {"items__version": version.id}
    products = Product.objects.filter(**items).values("id")
    subscribed = Subscription.objects.live().filter(product__in=products).values("organization_id")
    found = Organization.objects.filter(id__in=subscribed).values_list("id", flat=True)
    return sorted({version.api.organization_id, *found})
