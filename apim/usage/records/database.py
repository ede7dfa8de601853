"""The driver that keeps all records as rows: divided by day on PostgreSQL, in one table on SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Final

from django.db import connection
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import TruncMinute

from apim.usage.copying import copy_records
from apim.usage.counting import OPERATION_AT_MOST, moment
from apim.usage.models import UsageRecord, UsageRecordQuerySet
from apim.usage.receiving import Fresh
from apim.usage.records import days
from apim.usage.records.asked import FIRST_ERROR, Asked, FirstCalls, Minute, Place
from apim.usage.upserts import insert_new
from gateway_sync import usage_wire

FIELDS: Final = tuple(field.attname for field in UsageRecord._meta.concrete_fields if not field.primary_key)  # noqa: SLF001 - public by custom
_OK: Final = Q(status__gte=200, status__lt=300)


class DatabaseLog:
    """See RecordLog."""

    def add(self, fresh: Sequence[Fresh]) -> Sequence[Fresh]:
        """See RecordLog."""
        if not fresh or (connection.vendor == "postgresql" and copy_records(fresh, OPERATION_AT_MOST)):
            return fresh
        return [_insert(each) for each in fresh]

    def newest(self, asked: Asked, *, limit: int, before: Place | None = None) -> list[UsageRecord]:
        """See RecordLog."""
        rows = _rows(asked)
        if before is not None:
            rows = rows.filter(at__lte=before.at).exclude(at=before.at, id__gte=before.id)
        return list(rows.newest_first()[:limit])

    def find(self, request_id: str, *, since: datetime | None = None) -> UsageRecord | None:
        """See RecordLog."""
        return _rows(Asked(since=since)).filter(request_id=request_id).first()

    def count_by_minute(self, asked: Asked) -> dict[Minute, int]:
        """See RecordLog."""
        rows = _rows(asked).annotate(minute=TruncMinute("at")).order_by()
        counts = rows.values_list("version_id", "environment_id", "minute", "credential_id").annotate(Count("id"))
        return {Minute(*dimensions): count for *dimensions, count in counts}

    def first_calls(self, asked: Asked) -> list[FirstCalls]:
        """See RecordLog."""
        found = _rows(asked).order_by().values_list("application_id", "version_id")
        return [FirstCalls(*row) for row in found.annotate(first=Min("at"), first_ok=Min("at", filter=_OK))]

    def forget(self, asked: Asked) -> int:
        """See RecordLog."""
        return int(_rows(asked).delete()[0])

    def count_before(self, moment: datetime, at_most: int) -> int:
        """See RecordLog."""
        return UsageRecord.objects.filter(at__lt=days.start_of_day(moment))[:at_most].count()

    def purge(self, moment: datetime) -> int:
        """See RecordLog."""
        days.prepare()
        return days.let_go(days.start_of_day(moment))


def _rows(asked: Asked) -> UsageRecordQuerySet:
    rows: UsageRecordQuerySet = UsageRecord.objects.all()
    for column, values in asked.among.items():
        rows = rows.filter(**{f"{column}__in": values if isinstance(values, QuerySet) else list(values)})
    if asked.since is not None:
        rows = rows.filter(at__gte=asked.since)
    if asked.until is not None:
        rows = rows.filter(at__lt=asked.until)
    if asked.statuses:
        rows = rows.filter(reduce(or_, (Q(status__range=pair) for pair in asked.statuses)))
    if asked.is_wrong:
        rows = rows.filter(Q(status__gte=FIRST_ERROR) | Q(is_indeterminate=True))
    if asked.operation_part:
        rows = rows.filter(operation__icontains=asked.operation_part)
    return rows


def _insert(each: Fresh) -> Fresh:
    rows = [_row(each, event) for event in each.events]
    new = insert_new(UsageRecord, FIELDS, rows, returning="seq")
    return each._replace(events=[event for event in each.events if event.seq in new])


def _row(each: Fresh, event: usage_wire.UsageEvent) -> tuple[object, ...]:
    """The values of FIELDS."""
    context = event.context
    return (
        each.gateway.pk, each.boot, event.seq, event.request_id, event.client_request_id, moment(event.at_us),
        each.gateway.environment_id, context.version_id, context.operation[:OPERATION_AT_MOST], event.path,
        context.organization, context.application, context.credential, context.subscription, context.plan,
        event.status, event.code, event.is_indeterminate, event.duration_us, event.upstream_us,
        event.request_bytes, event.response_bytes,
    )  # fmt: skip
