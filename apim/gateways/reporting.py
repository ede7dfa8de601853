"""Keeping what gateways say of themselves and of their workers."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apim.gateways.models import Gateway, Worker
from apim.gateways.reports import GatewayReport

TARGETS_AT_MOST = 5000  # of one report
EVENTS_AT_MOST = 50
_LONGEST_SILENCE_S = 86_400
_REPORTED = (
    "pid",
    "boot",
    "revision",
    "digest",
    "access_seq",
    "problems",
    "stats",
    "started_at",
    "applied_at",
    "seen_at",
)


@transaction.atomic
def record_report(*, gateway: Gateway, report: GatewayReport) -> None:
    """Keep what the gateway says of itself and of its workers; a slot it no longer names is forgotten."""
    now = timezone.now()
    Gateway.objects.filter(id=gateway.id).update(
        software_version=report.software_version[:40],
        host=report.host[:255],
        is_push_connected=report.is_push_connected,
        takes_trials=report.takes_trials,
        seen_at=now,
        **_told_of_targets(report),
    )
    workers = {worker.slot: worker for worker in report.workers}
    gateway.workers.exclude(slot__in=workers).delete()
    Worker.objects.bulk_create(
        [
            Worker(
                gateway=gateway,
                slot=worker.slot,
                pid=worker.pid,
                boot=worker.boot[:32],
                revision=worker.revision,
                digest=worker.digest[:64],
                access_seq=worker.access_seq,
                problems=[asdict(problem) for problem in worker.problems],
                stats=dict(worker.stats),
                started_at=datetime.fromtimestamp(worker.started_at, UTC),
                applied_at=datetime.fromtimestamp(worker.applied_at, UTC) if worker.applied_at else None,
                seen_at=now - timedelta(seconds=min(worker.silent_s, _LONGEST_SILENCE_S)),
            )
            for worker in workers.values()
        ],
        update_conflicts=True,
        unique_fields=("gateway", "slot"),
        update_fields=_REPORTED,
    )


def _told_of_targets(report: GatewayReport) -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = {}
    if report.targets is not None:
        told["targets"] = [asdict(target) for target in report.targets[:TARGETS_AT_MOST]]
    if report.events is not None:
        told["events"] = [asdict(event) for event in report.events[-EVENTS_AT_MOST:]]
    return told
