"""The minutes that rules judge, read from the roll-ups: a fixed number of queries for all rules together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, Sum

from apim.alerts.judging import EMPTY, MINUTE, Minute
from apim.alerts.lagging import lags_of
from apim.alerts.models import AlertRule
from apim.catalog.models import APIVersion
from apim.usage.bands import add_buckets
from apim.usage.models import UsageRollup, VersionLatency, VersionRollup
from apim.usage.records import Asked, record_log

_REFUSED = (401, 403)
_Key = tuple[str, str]  # (version id, environment id)


@dataclass(slots=True)
class _Sums:
    """A minute while it is added up."""

    calls: int = 0
    failed: int = 0
    buckets: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    refused: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, other: _Sums) -> None:
        """Add another's."""
        self.calls += other.calls
        self.failed += other.failed
        for bucket, calls in other.buckets.items():
            self.buckets[bucket] += calls
        for who, calls in other.refused.items():
            self.refused[who] += calls


_Read = dict[_Key, dict[datetime, _Sums]]


def read_minutes(rules: Collection[AlertRule], since: datetime, until: datetime) -> dict[str, list[Minute]]:
    """Every minute that begins in [since, until), by the rule's id. At most six queries."""
    versions = _versions_of(rules)
    read: _Read = defaultdict(lambda: defaultdict(_Sums))
    kinds = {rule.kind for rule in rules}
    _read_calls(read, {each for ids in versions.values() for each in ids}, since, until)
    if AlertRule.Kind.LATENCY in kinds:
        watched = {each for rule in rules if rule.kind == AlertRule.Kind.LATENCY for each in versions[rule.pk]}
        _read_latencies(read, watched, since, until)
    if AlertRule.Kind.REFUSALS in kinds:
        watched = {each for rule in rules if rule.kind == AlertRule.Kind.REFUSALS for each in versions[rule.pk]}
        _read_refusals(read, watched, since, until)
    count = max(0, round((until - since) / MINUTE))
    starts = [since + MINUTE * index for index in range(count)]
    series = {rule.pk: _series(rule, versions[rule.pk], read, starts) for rule in rules}
    return series | _of_gateways([rule for rule in rules if rule.kind == AlertRule.Kind.GATEWAY_LAG], starts, until)


def _of_gateways(rules: Collection[AlertRule], starts: list[datetime], until: datetime) -> dict[str, list[Minute]]:
    """As read_minutes, for those about gateways. One query, none without such rules."""
    if not rules or not starts:
        return {rule.pk: [] for rule in rules}
    lags = lags_of({rule.environment_id for rule in rules}, starts[0], until)
    by_rule = {rule.pk: lags[rule.environment_id] for rule in rules}
    quiet = (0, "")
    return {
        pk: [Minute(lag_s=lag_s, lagging=name) for lag_s, name in (found.get(at, quiet) for at in starts)]
        for pk, found in by_rule.items()
    }


def _versions_of(rules: Iterable[AlertRule]) -> dict[str, list[str]]:
    by_api: dict[str, list[str]] = defaultdict(list)
    whole = {rule.api_id for rule in rules if rule.version_id is None and rule.api_id is not None}
    rows = APIVersion.objects.filter(api__in=whole)
    for identifier, api_id in rows.values_list("id", "api_id"):
        by_api[api_id].append(identifier)
    return {rule.pk: [rule.version_id] if rule.version_id else by_api[rule.api_id or ""] for rule in rules}


def _read_calls(read: _Read, version_ids: Collection[str], since: datetime, until: datetime) -> None:
    rows = VersionRollup.objects.between("minute", since, until).filter(version_id__in=version_ids)
    for version, environment, at, calls, failed, unreached in rows.values_list(
        "version_id", "environment_id", "at", "calls", "failed", "unreached"
    ):
        sums = read[version, environment][at]
        sums.calls, sums.failed = calls, failed + unreached


def _read_latencies(read: _Read, version_ids: Collection[str], since: datetime, until: datetime) -> None:
    rows = VersionLatency.objects.between("minute", since, until).filter(version_id__in=version_ids)
    for version, environment, at, bucket, *told in rows.values_list(
        "version_id", "environment_id", "at", "bucket", *VersionLatency.SUMS
    ):
        add_buckets(read[version, environment][at].buckets, bucket, told)


def _read_refusals(read: _Read, version_ids: Collection[str], since: datetime, until: datetime) -> None:
    """Of known credentials from the log of exchanges; of callers without one from the roll-ups."""
    refused = Q(version_id__in=version_ids, status__in=_REFUSED)
    asked = Asked({"version_id": version_ids}, since, until, statuses=tuple((each, each) for each in _REFUSED))
    for (version, environment, at, credential), calls in record_log().count_by_minute(asked).items():
        read[version, environment][at].refused[credential] += calls
    nobodys = UsageRollup.objects.between("minute", since, until).filter(refused, application_id="")
    for version, environment, at, calls in nobodys.values_list("version_id", "environment_id", "at").annotate(
        Sum("calls")
    ):
        read[version, environment][at].refused[""] += calls


def _series(rule: AlertRule, version_ids: Iterable[str], read: _Read, starts: Iterable[datetime]) -> list[Minute]:
    wanted = set(version_ids)
    parts = [
        sums
        for (version, environment), sums in read.items()
        if version in wanted and rule.environment_id in {None, environment}
    ]
    return [_minute([part[at] for part in parts if at in part]) for at in starts]


def _minute(parts: list[_Sums]) -> Minute:
    if not parts:
        return EMPTY
    whole = _Sums()
    for part in parts:
        whole.add(part)
    return Minute(whole.calls, whole.failed, dict(whole.buckets), dict(whole.refused))
