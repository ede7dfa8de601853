"""Gateways of which some try a publication before the others."""

from __future__ import annotations

from django.utils import timezone

from apim.gateways.models import Environment, Gateway, Worker
from gateway_sync.delivery import services
from gateway_sync.delivery.canaries import set_canary
from gateway_sync.delivery.models import Publication
from tests.factories import gateways as factory
from tests.factories.accounts import TESTER


def reporting(environment: Environment, name: str, *, is_canary: bool) -> Gateway:
    """A gateway that was heard just now, with one worker."""
    gateway = factory.enrolled_gateway(environment=environment, name=name).gateway
    now = timezone.now()
    Gateway.objects.filter(pk=gateway.pk).update(seen_at=now)
    Worker.objects.create(gateway=gateway, slot=0, pid=1, boot="b", started_at=now, seen_at=now, stats={"requests": 0})
    return set_canary(gateway=gateway, is_canary=is_canary, by=TESTER)


def second_publication(environment: Environment, **settings: object) -> Publication:
    """What is published by a change, after the first one."""
    Environment.objects.filter(pk=environment.pk).update(trial_s=300, **settings)
    version = factory.published_version("GET /a", name="bank")
    services.publish(environment.id)
    factory.changed_version(version, "GET /b")
    services.publish(environment.id)
    return Publication.objects.latest("revision")
