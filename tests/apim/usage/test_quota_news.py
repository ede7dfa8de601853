"""Quotas that are nearly or quite used up are told, once for each period."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apim.audit.actor import Actor
from apim.gateways.models import Environment
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of
from apim.usage.quota_news import tell_quotas
from apim.webhooks.models import Delivery, Endpoint
from apim.webhooks.services import create_endpoint
from tests.factories import access as access_factory
from tests.factories import products as products_factory

pytestmark = pytest.mark.django_db


def test_each_threshold_is_told_once(environment: Environment, by: Actor) -> None:
    product = products_factory.product()
    plan = product.plans.get()
    application = access_factory.application()
    subscription = access_factory.subscription(application=application, product=product, plan=plan)
    subscription.plan_version.quotas = [{"requests": 100, "per": "day"}]
    subscription.plan_version.save()
    types = ["quota.nearly_used", "quota.used_up"]
    create_endpoint(organization=subscription.organization, url="https://example.com/", event_types=types, by=by)
    row = UsageRollup.objects.create(
        period="day", at=start_of("day", timezone.now()), environment_id=environment.id,
        version_id="ver_1", operation="GET /", application_id="app_1", subscription_id=subscription.id, status=200,
        calls=79,
    )  # fmt: skip
    told = []
    for calls in (79, 80, 99, 100, 150):
        UsageRollup.objects.filter(pk=row.pk).update(calls=calls)
        told.append(tell_quotas())
    assert told == [0, 1, 0, 1, 0]
    data = Delivery.objects.order_by("id").first()
    assert data
    assert (data.event.type, data.event.data["used"], data.event.data["limit"]) == ("quota.nearly_used", 80, 100)
    Endpoint.objects.update(is_enabled=False)
    assert tell_quotas() == 0
