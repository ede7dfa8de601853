"""Latencies in rows of several buckets say what rows of one bucket each say, and both kinds add up."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from apim.audit.actor import system_actor
from apim.gateways.models import Gateway
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.bands import SUMS, WIDTH, BandOfBuckets, add_buckets, buckets_by, in_bands, sums_by
from apim.usage.histogram import EDGES_US, bucket_of
from apim.usage.models import LatencyRollup, VersionLatency
from apim.usage.summaries import sum_up_everything
from tests.factories.usage import NOON, batch, event, ingest

DURATIONS = (10, 51, 4_000, 4_000, 5_000, 90_000, 2_000_000, 2**31 - 1)
EXPECTED = Counter(map(bucket_of, DURATIONS))


@pytest.fixture
def gateway() -> Gateway:
    return enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, len(EDGES_US) - 1), st.integers(1, 2**40))))
def test_what_is_put_into_rows_is_read_out_of_them(told: list[tuple[str, int, int]]) -> None:
    expected: Counter[tuple[str, int]] = Counter()
    for name, bucket, calls in told:
        expected[name, bucket] += calls
    rows = in_bands(((name, bucket), calls) for name, bucket, calls in told)
    read: dict[str, dict[int, int]] = {"a": {}, "b": {}}
    for (name, bucket), sums in rows.items():
        assert bucket % WIDTH == 0
        assert len(sums) == len(SUMS)
        add_buckets(read[name], bucket, sums)
    assert {(name, bucket): calls for name in read for bucket, calls in read[name].items()} == expected
    assert sum(sums[0] for sums in rows.values()) == sum(calls for _, _, calls in told)


def test_each_sum_of_a_row_has_a_column() -> None:
    names = {field.name for field in BandOfBuckets._meta.fields}
    assert names == {"bucket", *SUMS[1:]}
    assert len(SUMS) == WIDTH


@pytest.mark.django_db
def test_one_row_tells_all_buckets_that_are_near_one_another(gateway: Gateway) -> None:
    ingest(gateway=gateway, batch=batch(*(event(seq, duration_us=4000 + seq * 200) for seq in range(1, 21))))
    row = LatencyRollup.objects.get(period="hour")
    assert row.calls == 20
    assert row.bucket == bucket_of(4000) // WIDTH * WIDTH
    assert len(buckets_by(sums_by(LatencyRollup.objects.filter(period="hour")))[()]) > 2


@pytest.mark.django_db
def test_rows_of_an_earlier_release_and_new_ones_add_up(gateway: Gateway) -> None:
    events = [event(seq, duration_us=took) for seq, took in enumerate(DURATIONS, start=1)]
    for bucket, calls in EXPECTED.items():  # as an earlier release adds them
        LatencyRollup.objects.create(
            period="hour", at=NOON.replace(minute=0, second=0), environment_id=gateway.environment_id,
            version_id="ver_1", operation="GET /accounts", application_id="app_1", bucket=bucket, calls=calls,
        )  # fmt: skip
    ingest(gateway=gateway, batch=batch(*events))
    LatencyRollup.objects.filter(period="hour", bucket=0).update(calls=F("calls") + 5)  # it is still running
    rows = LatencyRollup.objects.filter(period="hour")
    assert buckets_by(sums_by(rows, "operation", "application_id")) == {
        ("GET /accounts", "app_1"): {**{bucket: calls * 2 for bucket, calls in EXPECTED.items()}, 0: 7}
    }


@pytest.mark.django_db
def test_versions_and_all_of_them_together_have_the_buckets_of_their_operations(gateway: Gateway) -> None:
    events = [
        event(seq, duration_us=took, version_id=f"ver_{seq % 2}", operation=f"GET /{seq % 3}", at=NOON - timedelta(seq))
        for seq, took in enumerate(DURATIONS * 2, start=1)
    ]
    ingest(gateway=gateway, batch=batch(*events[:9]))
    ingest(gateway=gateway, batch=batch(*events[5:]))
    for _ in range(2):
        for period in ("minute", "hour", "day"):
            detailed = LatencyRollup.objects.filter(period=period)
            of_versions = VersionLatency.objects.filter(period=period)
            every = of_versions.filter(version_id=VersionLatency.EVERY)
            single = of_versions.exclude(version_id=VersionLatency.EVERY)
            assert buckets_by(sums_by(every)) == {(): {bucket: calls * 2 for bucket, calls in EXPECTED.items()}}
            names = ("version_id", "at")
            assert buckets_by(sums_by(single, *names)) == buckets_by(sums_by(detailed, *names))
        sum_up_everything()
