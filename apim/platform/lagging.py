"""Which gateways lag, noted each minute: silent ones, those with a problem, those that do not run what was sent.

Owns: since when a gateway lags. A lag is noted and not only computed, so that a rule can be previewed on the last days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from apim.alerts.judging import MINUTE
from apim.alerts.models import LagMinute
from apim.gateways.models import Gateway, Worker
from apim.usage.periods import start_of
from gateway_sync.delivery.models import Publication
from gateway_sync.delivery.trials import expected_digests

KEPT: Final = timedelta(days=8)  # a preview looks at seven
SOON: Final = 15.0  # seconds in which a gateway reports, and takes over what is new


def note_lags(now: datetime) -> int:
    """How many gateways lag now. A fixed number of queries, and one more for each gateway that is late."""
    gateways = list(
        Gateway.objects.exclude(state=Gateway.State.QUARANTINED)
        .select_related("environment")
        .prefetch_related("workers")
    )
    minute = start_of("minute", now)
    earlier = dict(
        LagMinute.objects.filter(at=minute - MINUTE).values_list("gateway_id", "lag_s")
    )  # fmt: skip
    expected = expected_digests(gateways)
    late = {
        gateway.pk: _late_s(gateway, expected[gateway.pk], now) for gateway in gateways if gateway.seen_at is not None
    }
    rows = [
        LagMinute(gateway=gateway, at=minute, lag_s=lag_s)
        for gateway in gateways
        if (lag_s := _lag_s(gateway, late.get(gateway.pk, 0.0), earlier, now))
    ]
    LagMinute.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=("gateway", "at"), update_fields=("lag_s",), batch_size=500
    )
    LagMinute.objects.filter(at__lt=now - KEPT).delete()
    return len(rows)


def _lag_s(gateway: Gateway, late_s: float, earlier: Mapping[str, int], now: datetime) -> int:
    """Seconds since when it lags, 0 = it does not. One that never was heard is expected, and lags in nothing."""
    if gateway.seen_at is None:
        return 0
    silent_s = (now - gateway.seen_at).total_seconds()
    lags = [seconds for seconds in (silent_s, late_s) if seconds > SOON]
    if any(worker.refuses_state or worker.misses_updates for worker in gateway.workers.all()):
        lags.append(earlier.get(gateway.pk, 0) + MINUTE.total_seconds())
    return int(max(lags, default=0))


def _late_s(gateway: Gateway, digest: str, now: datetime) -> float:
    """Seconds since all were sent the first state that one of its workers does not run yet."""
    behind = [worker for worker in gateway.workers.all() if not _runs(worker, gateway, digest)]
    if not behind:
        return 0.0
    sent = Publication.objects.filter(
        environment=gateway.environment_id,
        stage=Publication.Stage.ALL,
        revision__gt=min(worker.revision for worker in behind),
    )
    first = sent.order_by("revision").values_list("created_at", "trial_until").first()
    return (now - max(filter(None, first))).total_seconds() if first is not None else 0.0


def _runs(worker: Worker, gateway: Gateway, digest: str) -> bool:
    """True for one on trial too, which is ahead of the others."""
    return worker.digest == digest or worker.revision >= gateway.environment.published_revision
