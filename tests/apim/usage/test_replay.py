"""A million events, ten times over, cut anew each time and shuffled, leave the sums of one delivery: B2."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from django.db.models import Sum

from apim.audit.actor import system_actor
from apim.gateways.services import default_environment, enroll_gateway
from apim.usage.models import LatencyRollup, ReceivedBoot, SideRollup, UsageRecord, UsageRollup, VersionRollup
from apim.usage.services import ingest_all
from tests.apim.usage.replayed import BOOTS, context_of, handed_in, status_of

TIMES = 10
TOGETHER = 8


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("events", "pieces"),
    [(400, 3), pytest.param(1_000_000, 50, marks=pytest.mark.slow)],
    ids=["few", "a-million"],
)
def test_ten_shuffled_deliveries_leave_the_sums_of_one(events: int, pieces: int) -> None:
    gateway = enroll_gateway(environment=default_environment(), name="embedded", by=system_actor("test")).gateway
    each = events // len(BOOTS)
    chance = random.Random(2)  # noqa: S311 - a repeatable order, no secret
    cuts = [cut for _ in range(TIMES) for boot in BOOTS for cut in cuts_of(boot, each, each // pieces, chance)]
    chance.shuffle(cuts)
    for start in range(0, len(cuts), TOGETHER):
        ingest_all([handed_in(gateway, *cut) for cut in cuts[start : start + TOGETHER]])
    expected = Counter((context_of(seq), status_of(seq)) for _ in BOOTS for seq in range(1, each + 1))
    for period in ("minute", "hour", "day"):
        rows = UsageRollup.objects.filter(period=period).values_list("application_id", "status").annotate(Sum("calls"))
        assert {(row[0], row[1]): row[2] for row in rows} == {
            (f"app_{number}", status): count for (number, status), count in expected.items()
        }
    assert UsageRecord.objects.count() == events
    whole = {"period": "day"}
    assert LatencyRollup.objects.filter(**whole).aggregate(sum=Sum("calls"))["sum"] == events
    assert VersionRollup.objects.filter(**whole, version_id="*").aggregate(sum=Sum("calls"))["sum"] == events
    sides = dict(SideRollup.objects.filter(**whole).values_list("side").annotate(Sum("calls")))
    assert sides == {"credential": events, "gateway": events}
    assert set(ReceivedBoot.objects.values_list("received", "gap_since")) == {(f"1-{each}", None)}


def cuts_of(boot: str, count: int, longest: int, chance: random.Random) -> list[tuple[str, int, int]]:
    """All numbers of a boot, cut anew into parts of longest at most."""
    cuts, first = [], 1
    while first <= count:
        last = min(count, first + chance.randrange(longest // 2, longest))
        cuts.append((boot, first, last))
        first = last + 1
    return cuts
