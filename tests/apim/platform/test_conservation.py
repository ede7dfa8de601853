"""Records, numbers and sums are compared each hour; what differs is red, and mailed once (promises B1, B2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway, ToldBoot
from apim.gateways.services import default_environment, enroll_gateway
from apim.notifications.models import Message
from apim.platform.conserving import look
from apim.platform.health.usage import conserved
from apim.platform.health.verdicts import Colour
from apim.usage import told
from apim.usage.models import ReceivedBoot, UsageRecord, UsageRollup, VersionRollup
from apim.usage.told import lacking, note_told, purge_told
from gateway_sync.usage_wire import UNMETERED_CODE, UsageCell
from tests.factories.accounts import user
from tests.factories.usage import NOON, batch, event, ingest

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


def test_calls_that_were_served_without_a_record_are_told_for_two_days(gateway: Gateway) -> None:
    minute = int(NOON.timestamp()) // 60 * 60
    cells = (
        UsageCell(minute, "GET /accounts", "ver_1", 200, UNMETERED_CODE, 7),
        UsageCell(minute, "GET /accounts", "ver_1", 404, "", 2),
    )
    ingest(gateway=gateway, batch=batch(cells=cells, cells_id=2))
    [(code, values)] = look(LATER).findings
    assert (code, values["one"]) == ("unmetered", 7)
    assert "7 calls were answered without being recorded" in conserved().text
    assert [code for code, _ in look(NOON + timedelta(days=2)).findings] == []


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


def test_many_gaps_of_one_gateway_hide_none_of_another(gateway: Gateway) -> None:
    other = enroll_gateway(environment=default_environment(), name="other", by=system_actor("test")).gateway
    since = LATER - timedelta(hours=2)
    for number in range(30):
        ReceivedBoot.objects.create(
            gateway_id=gateway.pk, boot=f"{number:032x}", received="1,9", gaps_from=1, gap_since=since, last_at=since
        )
    ReceivedBoot.objects.create(
        gateway_id=other.pk, boot="f" * 32, received="1,9", gaps_from=1, gap_since=since + timedelta(minutes=5),
        last_at=since,
    )  # fmt: skip
    told = [values["gateway"] for code, values in look(LATER).findings if code == "gap"]
    assert (told.count(gateway.pk), told.count(other.pk)) == (5, 1)


def test_a_gap_that_only_the_release_before_tells_is_none(gateway: Gateway) -> None:
    ReceivedBoot.objects.update(received="5-9", gaps_from=5, gap_since=LATER - timedelta(hours=1))
    assert look(LATER).findings == []


def test_the_lost_tail_of_a_life_is_told_after_a_while_and_mailed(gateway: Gateway) -> None:
    user(is_platform_admin=True)
    boot = ReceivedBoot.objects.get().boot
    note_told(gateway.pk, {boot: 8}, LATER)
    assert look(LATER + timedelta(minutes=14)).findings == []  # it may be on its way

    [(code, values)] = look(LATER + timedelta(minutes=16)).findings

    assert (code, values["boot"], values["one"], values["other"]) == ("lacking", boot, 3, 6)
    assert "3 records that it counted have not come" in conserved().text
    assert "3 records that it counted have not come" in Message.objects.get().body
    ingest(gateway=gateway, batch=batch(event(6), event(7), event(8)))
    assert look(LATER + timedelta(minutes=17)).findings == []


def test_a_life_of_which_nothing_came_is_told(gateway: Gateway) -> None:
    note_told(gateway.pk, {"c" * 32: 40, "d" * 32: 0}, LATER)
    [(code, values)] = look(LATER + timedelta(minutes=16)).findings
    assert (code, values["boot"], values["one"], values["other"]) == ("lacking", "c" * 32, 40, 1)


def test_a_life_that_goes_on_counting_is_whole_while_what_was_told_comes_in_time(gateway: Gateway) -> None:
    boot = ReceivedBoot.objects.get().boot
    for minutes in range(0, 60, 2):
        note_told(gateway.pk, {boot: 5 + minutes}, LATER + timedelta(minutes=minutes))
        if minutes:
            ingest(gateway=gateway, batch=batch(event(4 + minutes), event(5 + minutes)))
        assert look(LATER + timedelta(minutes=minutes)).findings == []


def test_a_later_number_does_not_put_off_what_has_not_come(gateway: Gateway) -> None:
    boot = ReceivedBoot.objects.get().boot
    for minutes in range(0, 20, 2):
        note_told(gateway.pk, {boot: 9 + minutes}, LATER + timedelta(minutes=minutes))
    [(_, values)] = look(LATER + timedelta(minutes=20)).findings
    assert (values["since"][:16], values["one"]) == (LATER.isoformat()[:16], 4)


def test_who_tells_of_ever_new_lives_fills_no_table_and_those_that_came_make_room(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(told, "LIVES_AT_MOST", 30)
    other = enroll_gateway(environment=default_environment(), name="other", by=system_actor("test")).gateway
    boot = ReceivedBoot.objects.get().boot
    note_told(gateway.pk, {boot: 5}, LATER)
    for start in range(0, 100, 10):
        note_told(gateway.pk, {f"{number:032x}": 7 for number in range(start, start + 10)}, LATER)
    note_told(other.pk, {boot: 5}, LATER)
    assert ToldBoot.objects.filter(gateway_id=gateway.pk).count() == 30
    assert ToldBoot.objects.filter(gateway_id=other.pk).count() == 1

    look(LATER + timedelta(minutes=16))  # which stops long before it has looked at the last of them
    assert [row.boot for row in ToldBoot.objects.filter(has_come=True)] == [boot]
    note_told(gateway.pk, {"e" * 32: 7, "f" * 32: 7}, LATER + timedelta(minutes=17))
    assert ToldBoot.objects.filter(gateway_id=gateway.pk).count() == 30
    assert not ToldBoot.objects.filter(gateway_id=gateway.pk, boot=boot).exists()


def test_what_one_gateway_tells_of_many_lives_hides_nothing_of_another(gateway: Gateway) -> None:
    other = enroll_gateway(environment=default_environment(), name="other", by=system_actor("test")).gateway
    note_told(gateway.pk, {f"{number:032x}": 7 for number in range(60)}, LATER)
    note_told(other.pk, {"f" * 32: 7}, LATER + timedelta(minutes=1))
    told = [values["gateway"] for _, values in look(LATER + timedelta(minutes=17)).findings]
    assert told.count(other.pk) == 1
    assert 1 < told.count(gateway.pk) < 20


def test_many_lives_that_came_cost_no_more_queries_than_one(gateway: Gateway) -> None:
    boots = [f"{number:032x}" for number in range(30)]
    ReceivedBoot.objects.bulk_create(
        ReceivedBoot(gateway_id=gateway.pk, boot=boot, received="1-7", last_at=LATER) for boot in boots
    )
    counts = []
    for some in (boots[:1], boots[1:]):
        note_told(gateway.pk, dict.fromkeys(some, 7), LATER)
        with CaptureQueriesContext(connection) as queries:
            assert not list(lacking(LATER + timedelta(minutes=16)))
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert ToldBoot.objects.filter(has_come=True).count() == 30


def test_a_quiet_life_whose_receipts_are_forgotten_is_not_told(gateway: Gateway) -> None:
    boot = ReceivedBoot.objects.get().boot
    note_told(gateway.pk, {boot: 5}, LATER)
    assert look(LATER + timedelta(minutes=16)).findings == []
    ReceivedBoot.objects.all().delete()
    for days in range(1, 60):
        note_told(gateway.pk, {boot: 5}, LATER + timedelta(days=days, minutes=days))
        assert purge_told(LATER + timedelta(days=days)) == 0
    assert not any(code == "lacking" for code, _ in look(LATER + timedelta(days=60)).findings)
    assert purge_told(LATER + timedelta(days=120)) == 1
