"""How well versions answered day by day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apim.usage.histogram import bucket_of
from apim.usage.periods import start_of
from apim.usage.uptime import service_of
from apim.usage.version_rollups import VersionLatency, VersionRollup

pytestmark = pytest.mark.django_db


def calls(days_ago: int, number: int, *, failed: int = 0, unreached: int = 0, version: str = "ver_1") -> None:
    at = start_of("day", timezone.now()) - timedelta(days=days_ago)
    VersionRollup.objects.create(
        period="day", at=at, environment_id="env_1", version_id=version, calls=number, failed=failed,
        unreached=unreached,
    )  # fmt: skip


def test_a_day_without_calls_is_no_day_of_service() -> None:
    calls(0, 1000)
    calls(2, 1000, failed=3, unreached=2)
    calls(2, 1000, version="ver_2")
    calls(3, 10, failed=5)
    calls(4, 10, version="ver_of_another_api")
    service = service_of(["ver_1", "ver_2"], environment_id="env_1", days=5)
    assert [day.level for day in service.days] == ["none", "poor", "fair", "none", "good"]
    assert service.days[2].share == pytest.approx(0.9975)
    assert service.share == pytest.approx(1 - 10 / 3010)
    assert service.silent_days == 2


def test_nothing_is_said_when_nobody_called() -> None:
    calls(6, 10)
    service = service_of(["ver_1"], environment_id="env_1", days=5)
    assert (service.share, service.p95_ms) == (None, None)
    assert service_of(["ver_1"], environment_id="env_other", days=30).share is None


def test_the_latency_is_that_of_the_same_days() -> None:
    at = start_of("day", timezone.now())
    for age, duration_us in ((0, 4_000), (1, 4_000), (30, 9_000_000)):
        VersionLatency.objects.create(
            period="day", at=at - timedelta(days=age), environment_id="env_1", version_id="ver_1", calls=100,
            bucket=bucket_of(duration_us),
        )  # fmt: skip
    p95_ms = service_of(["ver_1"], environment_id="env_1", days=30).p95_ms
    assert p95_ms is not None
    assert 3 < p95_ms < 6
