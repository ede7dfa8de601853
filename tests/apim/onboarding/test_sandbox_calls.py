"""Calls of the sandbox: in the log, so that they can be explained, and in no sum."""

from __future__ import annotations

import pytest

from apim.gateways.models import Environment
from apim.gateways.sandbox import twin_id
from apim.usage.models import LatencyRollup, UsageRecord, UsageRollup
from gateway_sync.usage_wire import UsageCell
from tests.factories import gateways, usage
from tests.factories.usage import ingest


@pytest.mark.django_db
def test_a_call_of_the_sandbox_is_logged_and_not_counted(environment: Environment) -> None:
    gateway = gateways.enrolled_gateway(environment=environment).gateway
    event = usage.event(1, version_id=twin_id("ver_1"))
    refused = UsageCell(
        minute=0, version_id=twin_id("ver_1"), route="GET /a", status=401, code="unauthenticated", count=3
    )
    ingest(gateway=gateway, batch=usage.batch(event, cells=(refused,), cells_id=1))
    assert UsageRecord.objects.count() == 1
    assert not UsageRollup.objects.exists()
    assert not LatencyRollup.objects.exists()
