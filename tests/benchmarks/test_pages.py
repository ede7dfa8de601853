"""The data of P10, in small: its roll-ups agree, every page of the list answers, and somebody's data is let be."""

from __future__ import annotations

import pytest
from django.db.models import Sum

from apim.usage.models import CallerRollup, LatencyRollup, UsageRollup, VersionLatency, VersionRollup
from benchmarks import pages_data, pages_measuring
from tests.factories import catalog

pytestmark = pytest.mark.django_db

SMALL = pages_data.Size(apis=10, applications=20, calls=10_000, publishers=2, consumers=5, records=50)


def test_the_data_agrees_with_itself_and_every_page_answers() -> None:
    assert pages_data.is_fresh()
    pages_data.build(SMALL)
    assert pages_data.is_ours()
    days = UsageRollup.objects.filter(period="day")
    assert days.aggregate(sum=Sum("calls")) == LatencyRollup.objects.filter(period="day").aggregate(sum=Sum("calls"))
    assert days.aggregate(sum=Sum("calls")) == CallerRollup.objects.filter(period="day").aggregate(sum=Sum("calls"))
    for model in (VersionRollup, VersionLatency):
        every = model.objects.filter(period="day", version_id=model.EVERY)
        assert days.aggregate(sum=Sum("calls")) == every.aggregate(sum=Sum("calls"))

    told = pages_measuring.measure(1)

    assert {name: row["status"] for name, row in told.items() if row["status"] != 200} == {}
    assert all(int(str(row["queries"])) > 0 for row in told.values())


def test_a_database_with_data_of_somebody_is_neither_fresh_nor_ours() -> None:
    catalog.draft()
    assert not pages_data.is_fresh()
    assert not pages_data.is_ours()
