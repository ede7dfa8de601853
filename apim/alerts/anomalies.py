"""Looking for hours out of the ordinary and for new error codes, once an hour; what is found is kept, nobody told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Min, Sum
from django.utils.translation import gettext as _

from apim.alerts.detecting import METRICS, WEEK, WEEKS, Hour, detect
from apim.alerts.models import Anomaly
from apim.catalog.models import APIVersion
from apim.usage.bands import add_buckets
from apim.usage.histogram import percentile_ms
from apim.usage.models import UsageRollup, VersionLatency, VersionRollup
from apim.usage.periods import start_of

HOUR = timedelta(hours=1)
KEPT = timedelta(days=90)
_KNOWN_FOR = timedelta(days=28)  # an error code is new when nobody saw it for so long
_NEW_CODE_FLOOR = 5  # calls; a single odd answer is no news
_FIRST_ERROR = 400
_P95, _PERCENT = 0.95, 100
_APIS_AT_ONCE = 200

_Series = dict[str, dict[str, dict[datetime, Hour]]]  # API id -> metric -> hour


def look(now: datetime) -> int:
    """How many new anomalies the last whole hour has. A fixed number of queries for each 200 APIs."""
    at = start_of("hour", now) - HOUR
    found: list[Anomaly] = []
    by_api: dict[str, list[str]] = defaultdict(list)
    versions = APIVersion.objects.filter(api__archived_at=None, state__in=APIVersion.CALLABLE)
    for version_id, api_id in versions.order_by("api_id").values_list("id", "api_id"):
        by_api[api_id].append(version_id)
    ids = sorted(by_api)
    for start in range(0, len(ids), _APIS_AT_ONCE):
        chunk = {version: api for api in ids[start : start + _APIS_AT_ONCE] for version in by_api[api]}
        found += _odd_hours(chunk, at) + _new_codes(chunk, at)
    before = Anomaly.objects.count()
    Anomaly.objects.bulk_create(found, ignore_conflicts=True)  # of a run that was repeated
    made = Anomaly.objects.count() - before
    Anomaly.objects.filter(at__lt=now - KEPT).delete()
    return made


def sentence(anomaly: Anomaly) -> str:
    """What was odd, for people."""
    numbers = {"value": f"{anomaly.value:,.4g}", "expected": f"{anomaly.expected:,.4g}", "code": anomaly.code}
    return _SENTENCES[anomaly.metric]() % numbers


def rule_query(anomaly: Anomaly) -> str:
    """The query of the page that makes a rule of it: a limit between what was expected and what came."""
    given: dict[str, object] = {"api": anomaly.api.name, "anomaly": anomaly.pk}
    middle = (anomaly.value + anomaly.expected) / 2
    if anomaly.metric == Anomaly.Metric.LATENCY:
        given |= {"kind": "latency", "ms": max(1, round(middle))}
    elif anomaly.metric == Anomaly.Metric.CALLS and anomaly.value < anomaly.expected:
        given |= {"kind": "absence"}
    elif anomaly.metric == Anomaly.Metric.NEW_CODE and anomaly.code in {"401", "403"}:
        given |= {"kind": "refusals"}
    elif anomaly.metric == Anomaly.Metric.ERROR_SHARE:
        given |= {"kind": "error_share", "percent": round(max(middle, 0.01), 2)}
    else:
        given |= {"kind": "error_share"}
    return urlencode(given)


def _odd_hours(versions: Mapping[str, str], at: datetime) -> list[Anomaly]:
    series = _read(versions, at)
    found = []
    for api_id, metrics in series.items():
        for metric in METRICS:
            oddity = detect(metric, metrics[metric], at)
            if oddity is not None:
                found.append(
                    Anomaly(
                        api_id=api_id,
                        metric=metric,
                        at=at,
                        value=oddity.value,
                        expected=oddity.baseline.expected,
                        spread=oddity.baseline.spread,
                    )
                )
    return found


def _read(versions: Mapping[str, str], at: datetime) -> _Series:
    """The hour and the same one of the weeks before, and since when an API is called."""
    hours = [at - WEEK * week for week in range(WEEKS + 1)]
    sums: dict[str, dict[datetime, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    buckets: dict[str, dict[datetime, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    counted = VersionRollup.objects.filter(period="hour", at__in=hours, version_id__in=versions)
    for version, hour, calls, failed, unreached in counted.values_list(
        "version_id", "at", "calls", "failed", "unreached"
    ):
        row = sums[versions[version]][hour]
        row[0] += calls
        row[1] += failed + unreached
    spread = VersionLatency.objects.filter(period="hour", at__in=hours, version_id__in=versions)
    for version, hour, bucket, *told in spread.values_list("version_id", "at", "bucket", *VersionLatency.SUMS):
        add_buckets(buckets[versions[version]][hour], bucket, told)
    firsts = VersionRollup.objects.filter(period="day", at__gte=hours[-1] - WEEK, version_id__in=versions)
    series: _Series = {}
    for version, first in firsts.values_list("version_id").annotate(Min("at")):
        metrics = series.setdefault(versions[version], {metric: {} for metric in METRICS})
        metrics["calls"].setdefault(first, Hour(0.0, 0))  # since then a missing hour is one without calls
    for api_id, by_hour in sums.items():
        metrics = series.setdefault(api_id, {metric: {} for metric in METRICS})
        for hour, (calls, failed) in by_hour.items():
            metrics["calls"][hour] = Hour(float(calls), calls)
            metrics["error_share"][hour] = Hour(failed * _PERCENT / calls if calls else None, calls)
            metrics["latency"][hour] = Hour(percentile_ms(buckets[api_id][hour], _P95), calls)
    return series


def _new_codes(versions: Mapping[str, str], at: datetime) -> list[Anomaly]:
    """Error codes of the hour that the API did not answer with in the four weeks before, though it was called."""
    rows = UsageRollup.objects.filter(version_id__in=versions, status__gte=_FIRST_ERROR)
    earlier = rows.filter(period="day", at__gte=start_of("day", at - _KNOWN_FOR), at__lt=start_of("day", at))
    today = rows.filter(period="hour", at__gte=start_of("day", at), at__lt=at)
    known = {
        (versions[version], code or str(status))
        for each in (earlier, today)
        for version, status, code in each.values_list("version_id", "status", "code").distinct()
    }
    called_before = VersionRollup.objects.filter(
        period="day", version_id__in=versions, at__gte=start_of("day", at - _KNOWN_FOR), at__lt=start_of("day", at)
    )
    settled = {versions[version] for version in called_before.values_list("version_id", flat=True).distinct()}
    sums: dict[tuple[str, str], int] = defaultdict(int)
    current = rows.filter(period="hour", at=at).values_list("version_id", "status", "code")
    for version, status, code, calls in current.annotate(Sum("calls")):
        sums[versions[version], code or str(status)] += calls
    return [
        Anomaly(api_id=api, metric=Anomaly.Metric.NEW_CODE, code=code, at=at, value=float(calls), expected=0.0)
        for (api, code), calls in sums.items()
        if calls >= _NEW_CODE_FLOOR and api in settled and (api, code) not in known
    ]


_SENTENCES: dict[str, Callable[[], str]] = {
    Anomaly.Metric.CALLS: lambda: _("%(value)s calls instead of about %(expected)s"),
    Anomaly.Metric.ERROR_SHARE: lambda: _("%(value)s %% of the calls failed instead of about %(expected)s %%"),
    Anomaly.Metric.LATENCY: lambda: _("95 of 100 calls took up to %(value)s ms instead of about %(expected)s ms"),
    Anomaly.Metric.NEW_CODE: lambda: _("%(value)s answers with %(code)s, which did not happen in four weeks"),
}
