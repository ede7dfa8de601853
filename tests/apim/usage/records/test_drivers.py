"""Rows and files answer alike: whatever is asked, whatever moved, whenever it came."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.models import ReceivedBoot, RecordFile, UsageRecord
from apim.usage.records import Asked, Place, moving
from apim.usage.records.database import DatabaseLog
from apim.usage.records.files import FileLog
from tests.factories.usage import NOON, batch, event, ingest

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
FUTURE = MIDNIGHT + timedelta(days=400)


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


def record(number: int, at: datetime, **fields: object) -> UsageRecord:
    values: dict[str, object] = {
        "gateway_id": "gtw_1", "boot": "boot", "seq": number, "request_id": f"boot-{number:08x}",
        "environment_id": "env_1", "version_id": "ver_1", "operation": "GET /accounts", "path": "/accounts",
        "organization_id": "org_1", "application_id": "app_1", "credential_id": "crd_1", "status": 200,
        "duration_us": 5, "upstream_us": 3, "request_bytes": 2**52, "response_bytes": 1,
    }  # fmt: skip
    return UsageRecord(at=at, **(values | fields))


def told(records: Collection[UsageRecord]) -> list[tuple[object, ...]]:
    names = [field.attname for field in UsageRecord._meta.concrete_fields]
    return [tuple(getattr(each, name) for name in names) for each in records]


def pages(log: DatabaseLog | FileLog, asked: Asked, size: int) -> list[UsageRecord]:
    """All pages backwards, one after another."""
    found: list[UsageRecord] = []
    before: Place | None = None
    while page := log.newest(asked, limit=size, before=before):
        found += page
        before = Place(page[-1].at, page[-1].pk)
    return found


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["", '"', ",", "a\nb", "\r", "'", "\\N", "NULL", "{1}", "%s", "日本語"]
)
MOMENTS = st.integers(-26 * 3600, 26 * 3600).map(lambda s: MIDNIGHT + timedelta(seconds=s / 3 * 3)) | st.integers(
    -2, 2
).map(lambda us: MIDNIGHT + timedelta(microseconds=us))
SOME = st.sampled_from
ROWS = st.lists(
    st.tuples(
        MOMENTS,
        st.fixed_dictionaries({
            "version_id": SOME(["", "ver_1", "ver_2"]), "application_id": SOME(["app_1", "app_2"]),
            "organization_id": SOME(["", "org_1"]), "credential_id": SOME(["crd_1", "crd_2"]),
            "status": SOME([0, 200, 204, 401, 403, 429, 502]), "operation": SOME(["GET /a", "post /A", ""]),
            "path": TEXTS, "client_request_id": TEXTS, "code": SOME(["", "rate-limited"]),
        }),
    ),
    max_size=12,
)  # fmt: skip
ASKED = st.builds(
    Asked,
    among=st.dictionaries(
        SOME(["version_id", "application_id", "organization_id", "credential_id", "code"]),
        st.lists(SOME(["", "ver_1", "ver_2", "app_1", "app_2", "org_1", "crd_2", "rate-limited"]), max_size=3),
        max_size=2,
    ),
    since=st.none() | MOMENTS,
    until=st.none() | MOMENTS,
    statuses=SOME([(), ((200, 299),), ((401, 401), (403, 403))]),
    is_wrong=st.booleans(),
    operation_part=SOME(["", "/a", "POST", "%"]),
)


class DriversTest(TestCase):
    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(rows=ROWS, asked=ASKED, until=MOMENTS, size=st.integers(1, 5))
    def test_both_drivers_answer_alike(
        self, rows: list[tuple[datetime, dict[str, object]]], asked: Asked, until: datetime, size: int
    ) -> None:
        UsageRecord.objects.bulk_create(
            record(number, at, is_indeterminate=fields["status"] == 0, **fields)
            for number, (at, fields) in enumerate(rows, 1)
        )
        database = DatabaseLog()
        expected = told(pages(database, asked, size))
        counts, firsts = database.count_by_minute(asked), sorted(database.first_calls(asked))
        with tempfile.TemporaryDirectory() as folder:
            files = FileLog(Path(folder))
            moved = moving.move(Path(folder), until=until)
            assert moved == sum(at < until for at, _ in rows) == len(rows) - UsageRecord.objects.count()
            assert told(pages(files, asked, size)) == expected
            assert files.count_by_minute(asked) == counts
            assert sorted(files.first_calls(asked)) == firsts
            for number in range(1, len(rows) + 2):
                found = files.find(f"boot-{number:08x}")
                assert (found.seq if found else None) == (number if number <= len(rows) else None)


def test_the_last_microsecond_of_a_second_stays_in_it(tmp_path: Path) -> None:
    at = MIDNIGHT - timedelta(microseconds=1)
    UsageRecord.objects.bulk_create([record(1, at)])
    moving.move(tmp_path, until=FUTURE)
    assert [each.at for each in FileLog(tmp_path).newest(Asked(), limit=1)] == [at]


def test_who_looks_for_a_request_of_late_goes_through_no_file(tmp_path: Path) -> None:
    at = MIDNIGHT - timedelta(hours=2)
    UsageRecord.objects.bulk_create([record(1, at)])
    moving.move(tmp_path, until=FUTURE)
    log, wanted = FileLog(tmp_path), "boot-00000001"
    assert log.find(wanted) == log.find(wanted, since=at) != log.find(wanted, since=MIDNIGHT)
    for file in tmp_path.iterdir():
        file.write_bytes(b"no Parquet")
    assert log.find(wanted, since=MIDNIGHT) is None


def test_a_late_record_of_a_moved_hour_is_found_and_moves_next(tmp_path: Path, gateway: Gateway) -> None:
    log = FileLog(tmp_path)
    ingest(gateway=gateway, batch=batch(event(1), event(2)))
    assert moving.move(tmp_path, until=FUTURE) == 2
    late = batch(event(3, at=NOON - timedelta(minutes=1)), boot="other")
    ingest(gateway=gateway, batch=late)
    assert [each.seq for each in log.newest(Asked(), limit=9)] == [2, 1, 3]
    assert moving.move(tmp_path, until=FUTURE) == 1
    assert [each.seq for each in log.newest(Asked(), limit=9)] == [2, 1, 3]
    assert RecordFile.objects.count() == len(list(tmp_path.iterdir())) == 2


def test_a_repeat_of_what_moved_changes_nothing(tmp_path: Path, gateway: Gateway) -> None:
    """Also of what a process of an earlier release took in, which noted no numbers."""
    first = batch(event(1), event(2))
    ingest(gateway=gateway, batch=first)
    ReceivedBoot.objects.all().delete()
    moving.move(tmp_path, until=FUTURE)
    assert ReceivedBoot.objects.get().received == "1-2"
    ingest(gateway=gateway, batch=first)
    assert UsageRecord.objects.count() == 0
    assert len(FileLog(tmp_path).newest(Asked(), limit=9)) == 2


def test_what_is_forgotten_leaves_rows_and_files(tmp_path: Path, django_capture_on_commit_callbacks: object) -> None:
    old, young = MIDNIGHT, MIDNIGHT + timedelta(hours=5)
    UsageRecord.objects.bulk_create(
        record(number, at, subscription_id=name)
        for number, (at, name) in enumerate([(old, "a"), (old, "b"), (young, "a"), (young, "b")], 1)
    )
    moving.move(tmp_path, until=young)
    log = FileLog(tmp_path)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        assert log.forget(Asked({"subscription_id": ["a"]})) == 2
    assert [each.subscription_id for each in log.newest(Asked(), limit=9)] == ["b", "b"]
    assert [path.name for path in tmp_path.iterdir()] == [RecordFile.objects.get().name]


def test_what_is_over_goes_by_whole_days_with_its_files_and_nothing_else_does(tmp_path: Path) -> None:
    days = [timezone.now() - timedelta(days=age) for age in (9, 8, 1)]
    UsageRecord.objects.bulk_create(record(number, at) for number, at in enumerate(days, 1))
    moving.move(tmp_path, until=days[1] + timedelta(hours=1))
    UsageRecord.objects.bulk_create([record(7, days[0])])
    (tmp_path / "unknown.parquet").touch()  # as when it was written a moment ago, by who is about to note it
    log = FileLog(tmp_path)
    end = days[1] + timedelta(days=1)
    assert log.count_before(end, 100) == 3
    assert log.purge(end) == 3
    assert [each.seq for each in log.newest(Asked(), limit=9)] == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["unknown.parquet"]


def test_a_file_that_is_gone_hides_only_its_own_records(tmp_path: Path) -> None:
    UsageRecord.objects.bulk_create(record(number, MIDNIGHT + timedelta(hours=number)) for number in (1, 2, 3))
    moving.move(tmp_path, until=MIDNIGHT + timedelta(hours=3))
    (tmp_path / RecordFile.objects.order_by("first_at")[0].name).unlink()
    assert [each.seq for each in FileLog(tmp_path).newest(Asked(), limit=9)] == [3, 2]


def test_no_column_is_asked_by_that_is_none() -> None:
    with pytest.raises(ValueError, match="not asked by path"):
        Asked({"path": ["/"]})


def test_moves_are_no_larger_than_they_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(moving.ROWS_AT_MOST, connection.vendor, 2)
    UsageRecord.objects.bulk_create(record(number, MIDNIGHT + timedelta(seconds=number // 4)) for number in range(9))
    assert moving.move(tmp_path, until=FUTURE) == 9
    assert [file.records for file in RecordFile.objects.order_by("first_at")] == [4, 4, 1]
