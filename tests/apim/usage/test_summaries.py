"""Roll-ups by version, and by version and caller, say what those by operation say."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Sum

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.models import ApplicationMonth, CallerRollup, LatencyRollup, UsageRollup, VersionLatency, VersionRollup
from apim.usage.services import purge
from apim.usage.summaries import end_of, sum_up_everything, that_ended
from apim.usage.withdrawal import take_out
from gateway_sync.usage_wire import UsageBatch, UsageCell
from tests.factories.usage import NOON, batch, event, ingest
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.django_db

ENDS = (
    (200, "", "answered"), (302, "", "answered"), (404, "", "rejected"), (500, "", "failed"),
    (429, "rate-limited", "refused"), (502, "upstream-unreachable", "unreached"), (0, "", "lost"),
)  # fmt: skip


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


Summary = type[VersionRollup] | type[CallerRollup] | type[VersionLatency] | type[ApplicationMonth]
SUMMARIES: tuple[Summary, ...] = (VersionRollup, CallerRollup, VersionLatency)


def rows(model: Summary) -> list[tuple[object, ...]]:
    return sorted(model.objects.values_list(*model.DIMENSIONS, *model.SUMS), key=repr)


def all_rows() -> list[list[tuple[object, ...]]]:
    return [rows(model) for model in (*SUMMARIES, ApplicationMonth)]


def stock(gateway: Gateway) -> None:
    minute = int(NOON.timestamp()) // 60 * 60
    cell = UsageCell(minute, "GET /accounts", "", 404, "not-found", 7)
    events = [event(seq, status=status, code=code) for seq, (status, code, _) in enumerate(ENDS, start=1)]
    more = [event(20, version_id="ver_2", duration_us=90_000), event(21, application="app_2", operation="GET /cards")]
    ingest(gateway=gateway, batch=batch(*events, *more, cells=(cell,), cells_id=1))


def test_each_end_is_counted_apart_and_what_was_lost_is_no_call(gateway: Gateway) -> None:
    stock(gateway)
    row = VersionRollup.objects.get(period="hour", version_id="ver_1")
    assert (row.answered, row.rejected, row.failed, row.refused, row.unreached, row.lost) == (3, 1, 1, 1, 1, 1)
    assert (row.calls, row.response_bytes) == (7, 800)
    assert VersionRollup.objects.get(period="day", version_id="").refused == 7


def test_every_version_together_has_the_latencies_of_each(gateway: Gateway) -> None:
    stock(gateway)
    of_every = VersionLatency.objects.filter(period="minute", version_id=VersionLatency.EVERY)
    detailed = LatencyRollup.objects.filter(period="minute")
    assert dict(of_every.values_list("bucket", "calls")) == dict(detailed.values_list("bucket").annotate(Sum("calls")))


@pytest.mark.parametrize(("status", "code", "end"), ENDS, ids=[end + str(status) for status, _, end in ENDS])
def test_the_database_tells_ends_apart_as_ingestion_does(gateway: Gateway, status: int, code: str, end: str) -> None:
    assert end_of(status, code) == end
    stock(gateway)
    rolled_up = UsageRollup.objects.filter(period="hour", status=status, code=code)
    assert rolled_up.exists()
    assert not rolled_up.extra(where=[f"NOT ({that_ended(end)})"]).exists()  # noqa: S610 - of constants alone


def test_callers_are_counted_apart_and_nobody_is_one_of_them(gateway: Gateway) -> None:
    stock(gateway)
    hours = CallerRollup.objects.filter(period="hour")
    assert hours.get(version_id="ver_1", application_id="app_2").answered == 1
    assert hours.get(version_id="", application_id="").refused == 7
    of_version = hours.filter(version_id="ver_1").aggregate(calls=Sum("calls"), lost=Sum("lost"))
    assert of_version == {"calls": 7, "lost": 1}


def test_every_version_together_has_the_calls_of_each(gateway: Gateway) -> None:
    stock(gateway)
    days = VersionRollup.objects.filter(period="day")
    sums = {name: Sum(name) for name in VersionRollup.SUMS}
    assert days.filter(version_id=VersionRollup.EVERY).count() == 1
    assert days.filter(version_id=VersionRollup.EVERY).aggregate(**sums) == days.exclude(
        version_id=VersionRollup.EVERY
    ).aggregate(**sums)


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_and_however_often_usage_comes_the_sums_are_those_of_what_is_kept(
    gateway: Gateway, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a repeatable order, no secret
    for each in shuffled_batches(chance):
        ingest(gateway=gateway, batch=each)
    told = all_rows()
    for model in SUMMARIES:
        of_period = {
            period: model.objects.filter(period=period).aggregate(calls=Sum("calls"))["calls"]
            for period in ("minute", "hour", "day")
        }
        assert len(set(of_period.values())) == 1
    calls = CallerRollup.objects.filter(period="day").aggregate(calls=Sum("calls"))
    assert ApplicationMonth.objects.aggregate(calls=Sum("calls")) == calls
    sum_up_everything()
    assert all_rows() == told


def shuffled_batches(chance: random.Random) -> list[UsageBatch]:
    """What comes late, twice, overlapping, of many minutes and three days, with cells of nobody."""
    events = []
    for seq in range(1, 121):
        status, code, _ = chance.choice(ENDS)
        moment = NOON - timedelta(minutes=chance.randrange(3 * 24 * 60))
        who = {
            "version_id": chance.choice(("ver_1", "ver_2", "")),
            "application": chance.choice(("app_1", "app_2", "")),
        }
        took = chance.randrange(100, 2_000_000)
        operation = chance.choice(("GET /a", "GET /b"))
        events.append(event(seq, at=moment, status=status, code=code, duration_us=took, operation=operation, **who))
    minute = int(NOON.timestamp()) // 60 * 60
    cells = [UsageCell(minute - 60 * n, "GET /a", "ver_1", 429, "rate-limited", n + 1) for n in range(3)]
    batches = [
        batch(*events[start : start + 40], cells=(chance.choice(cells),), cells_id=start + 1)
        for start in (0, 20, 40, 60, 80)
    ]
    batches += chance.sample(batches, k=3)
    chance.shuffle(batches)
    return batches


def test_summing_up_anew_gives_the_same(gateway: Gateway) -> None:
    stock(gateway)
    before = all_rows()
    VersionRollup.objects.filter(period="day").delete()
    CallerRollup.objects.filter(period="hour").delete()
    VersionLatency.objects.update(calls=1_000)
    ApplicationMonth.objects.update(calls=1, days=1)
    call_command("sum_up_usage", verbosity=0)
    assert all_rows() == before


def test_the_migration_sums_up_what_an_earlier_release_counted_and_may_be_begun_again(gateway: Gateway) -> None:
    stock(gateway)
    ingest(gateway=gateway, batch=batch(event(1, at=NOON - timedelta(days=2)), boot="earlier"))
    before = all_rows()
    CallerRollup.objects.all().delete()
    VersionRollup.objects.filter(version_id=VersionRollup.EVERY).delete()
    fill = import_module("apim.usage.migrations.0004_fill_caller_rollups").fill
    for _ in range(2):
        fill(apps, SimpleNamespace(connection=connection))
        assert all_rows() == before


def test_the_migration_fills_months_of_what_an_earlier_release_counted_and_may_be_begun_again(gateway: Gateway) -> None:
    stock(gateway)
    for number, back in enumerate((2, 35, 80)):
        late = event(1, at=NOON - timedelta(days=back, minutes=7), application="app_2")
        ingest(gateway=gateway, batch=batch(late, boot=f"earlier-{number}"))
    before = rows(ApplicationMonth)
    ApplicationMonth.objects.filter(application_id="app_2").delete()
    fill = import_module("apim.usage.migrations.0010_fill_application_months").fill
    for _ in range(2):
        fill(apps, SimpleNamespace(connection=connection))
        assert rows(ApplicationMonth) == before
    CallerRollup.objects.filter(period="minute").delete()
    fill(apps, SimpleNamespace(connection=connection))
    last = ApplicationMonth.objects.filter(application_id="app_2").latest("at").last_at
    assert last == NOON.replace(minute=0, second=0)  # as fine as what is kept


def test_a_month_tells_of_each_application_how_much_on_which_days_and_when_last(gateway: Gateway) -> None:
    first = NOON.replace(day=1, second=0)
    calls = [event(1, at=first), event(2, at=first + timedelta(days=2, minutes=5)), event(3, at=first, status=0)]
    ingest(gateway=gateway, batch=batch(*calls, event(4, at=first, status=0, application="app_2")))
    ingest(gateway=gateway, batch=batch(event(5, at=first, version_id="ver_2"), boot="late"))
    (month,) = ApplicationMonth.objects.all()  # a lost call is none
    assert (month.application_id, month.calls, month.days) == ("app_1", 3, 0b101)
    assert month.last_at == first + timedelta(days=2, minutes=5)
    assert month.at == first.replace(hour=0, minute=0)


@pytest.mark.postgresql  # SQLite has one writer
@pytest.mark.django_db(transaction=True)
def test_who_takes_in_usage_while_all_is_summed_up_is_counted_once(gateway: Gateway) -> None:
    stock(gateway)
    before = all_rows()
    for model in SUMMARIES:
        model.objects.all().delete()  # as an earlier release counted: without them

    def sum_up() -> None:
        try:
            sum_up_everything()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ingest(gateway=gateway, batch=batch(event(30, operation="GET /late"), boot="other"))
            summing = pool.submit(sum_up)
            wait_until(lambda: summing.done() or _somebody_waits(), "the sums wait for what is taken in")
        summing.result(PATIENCE_S)
    after = VersionRollup.objects.get(period="day", version_id="ver_1")
    assert (
        after.calls
        == UsageRollup.objects.filter(period="day", version_id="ver_1")
        .exclude(status=0)
        .aggregate(calls=Sum("calls"))["calls"]
    )
    assert len(rows(VersionRollup)) == len(before[0])


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


def test_what_is_taken_out_again_leaves_the_summaries_of_the_rest(gateway: Gateway) -> None:
    stock(gateway)
    take_out(UsageRollup.objects.filter(application_id="app_2"))
    take_out(UsageRollup.objects.filter(version_id="ver_1", status__in=(0, 500)))
    told = {model: {row for row in rows(model) if row[-len(model.SUMS)]} for model in (VersionRollup, CallerRollup)}
    sum_up_everything()
    assert told == {model: set(rows(model)) for model in told}


def test_what_is_taken_out_of_a_month_leaves_the_rest_of_it_and_no_month_without_calls(gateway: Gateway) -> None:
    stock(gateway)
    ingest(gateway=gateway, batch=batch(event(1, at=NOON - timedelta(days=1)), boot="earlier"))
    take_out(UsageRollup.objects.filter(application_id="app_2"))
    take_out(
        UsageRollup.objects.filter(
            period__in=("minute", "hour", "day"), at__gte=NOON.replace(hour=0, minute=0, second=0)
        )
    )
    told = rows(ApplicationMonth)
    sum_up_everything()
    assert rows(ApplicationMonth) == told
    assert [row.application_id for row in ApplicationMonth.objects.all()] == ["app_1"]


def test_they_are_kept_as_long_as_the_others(gateway: Gateway) -> None:
    stock(gateway)
    purge(now=NOON + timedelta(days=8))
    assert not VersionRollup.objects.filter(period="minute").exists()
    assert not VersionLatency.objects.filter(period="minute").exists()
    assert not CallerRollup.objects.filter(period="minute").exists()
    assert VersionRollup.objects.filter(period="hour").exists()
    purge(now=NOON + timedelta(days=759))
    assert ApplicationMonth.objects.exists()
    purge(now=NOON + timedelta(days=761))
    assert not ApplicationMonth.objects.exists()
