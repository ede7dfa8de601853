"""What is left to do after the first start."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apim.accounts.models import User
from apim.console.checklist import checklist
from apim.gateways.models import Environment, Gateway
from apim.notifications.models import MailServer
from apim.usage.models import UsageRollup
from tests.factories import gateways as gateways_factory


def open_points() -> list[str]:
    return [point.title for point in checklist().points if not point.is_met]


def test_each_point_is_met_by_what_is_there(environment: Environment, admin: User) -> None:
    assert admin.is_platform_admin
    assert open_points() == ["Mail", "Gateway", "First API", "First call", "Payments"]
    assert not checklist().is_done
    MailServer.objects.create(host="mail.example.com", sender="a@example.com")
    gateways_factory.enrolled_gateway(environment=environment)
    Gateway.objects.update(seen_at=timezone.now())
    gateways_factory.published_version()
    UsageRollup.objects.create(period="day", at=timezone.now(), environment_id=environment.id, status=200, calls=1)
    assert open_points() == ["Payments"]
    assert checklist().is_done


def test_an_address_without_tls_that_others_reach_is_a_point(admin: User, settings: Settings) -> None:
    assert admin.is_platform_admin
    settings.BASE_URL = "http://apim.example.com"
    assert "Address of this site" in open_points()


@pytest.mark.usefixtures("environment")
def test_the_overview_shows_the_next_steps(admin: User) -> None:
    client = Client()
    client.force_login(admin)
    assert b"Add a mail server" in client.get("/console/admin").content
