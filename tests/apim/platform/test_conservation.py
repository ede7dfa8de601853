"""Records, numbers and sums are compared each hour; what differs is red, and mailed once (promises B1, B2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.notifications.models import Message
from apim.platform.conserving import look
from apim.platform.health.usage import conserved
from apim.platform.health.verdicts import Colour
from apim.usage.models import ReceivedBoot, UsageRecord, UsageRollup, VersionRollup
from apim.usage.services import ingest
from gateway_sync.usage_wire import UsageCell
from tests.factories.accounts import user
from tests.factories.usage import NOON, batch, event

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def gateway() -> Gateway:
    made = enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway
    cell = UsageCell(int(NOON.timestamp()) // 60 * 60, "GET /accounts", "ver_1", 401, "unauthenticated", 5)
    sandboxed = event(4, version_id="ver_1~sbx")
    earlier = event(5, at=NOON - timedelta(hours=1, minutes=7))
    lost = event(3, status=0)
    ingest(gateway=made, batch=batch(event(1), event(2), lost, sandboxed, earlier, cells=(cell,), cells_id=1))
    return made


def test_what_was_counted_by_all_is_whole(gateway: Gateway) -> None:
    check = look(LATER)
    assert check.findings == []
    assert check.records == check.summed == 4
    assert not Message.objects.exists()


def test_a_record_too_few_is_found_and_mailed_once(gateway: Gateway) -> None:
    user(is_platform_admin=True)
    UsageRecord.objects.filter(seq=1).delete()
    assert [code for code, _ in look(LATER).findings] == ["records"]
    look(LATER + timedelta(minutes=1))
    assert conserved().colour is Colour.RED
    assert "has 2 records, and 3 calls in its sums" in conserved().text
    assert Message.objects.count() == 1
    assert "has 2 records" in Message.objects.get().body


def test_sums_that_differ_from_one_another_are_found(gateway: Gateway) -> None:
    UsageRollup.objects.filter(period="day").update(calls=F("calls") + 1)
    VersionRollup.objects.filter(period="hour", version_id=VersionRollup.EVERY).update(answered=0, calls=0)
    codes = [code for code, _ in look(LATER).findings]
    assert codes.count("summaries") == 2
    assert codes.count("periods") == 1


def test_a_gap_is_found_when_it_lasts(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(event(9)))
    assert look(LATER).findings == []  # what was set aside may be on its way
    ReceivedBoot.objects.update(gap_since=LATER - timedelta(hours=1))
    [(code, values)] = look(LATER).findings
    assert (code, values["gateway"], values["one"], values["other"]) == ("gap", gateway.pk, 3, 6)
    assert "3 records are missing" in conserved().text
    ingest(gateway=gateway, batch=batch(event(6), event(7), event(8)))
    assert look(LATER).findings == []


def test_a_gap_that_only_the_release_before_tells_is_none(gateway: Gateway) -> None:
    ReceivedBoot.objects.update(received="5-9", gaps_from=5, gap_since=LATER - timedelta(hours=1))
    assert look(LATER).findings == []
