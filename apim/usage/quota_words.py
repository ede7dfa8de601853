"""Quotas and rates in words: what they grant, what calls cost, how far they are used, where that leads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, ngettext_lazy
from django.utils.translation import gettext as _

from apim.listing import enumerated, labelled
from apim.products.limits import BILLING_PERIOD, BYTES, CALLS, UNITS, is_anchored, unit_of
from apim.ui.templatetags.formats import count, quantity
from apim.usage.forecast import Forecast, Outlook
from apim.usage.gauges import Gauge

_OWN_DAY, _OWN_MONTH = "own day", "own month"
_OWN: Final = {"day": _OWN_DAY, "month": _OWN_MONTH}
_PACES: Final = {
    "hour": ngettext_lazy("At the pace of the last minute", "At the pace of the last %(n)d minutes", "n"),
    "day": ngettext_lazy("At the pace of the last hour", "At the pace of the last %(n)d hours", "n"),
    "month": ngettext_lazy("At the pace of the last day", "At the pace of the last %(n)d days", "n"),
    "period": ngettext_lazy("At the pace of the last day", "At the pace of the last %(n)d days", "n"),
}


def moment_words(at: datetime) -> str:
    """`Tue 25 Nov, 14:00 UTC`."""
    at = at.astimezone(UTC)
    return enumerated((_day_words(get_language(), at.year, at.month, at.day), f"{at:%H:%M} UTC"))


@lru_cache(maxsize=1024)  # lists say the same days again and again
def _day_words(_language: str | None, *of_day: int) -> str:
    return date_format(date(*of_day), "D j M")


def forecast_words(per: str, forecast: Forecast) -> str:
    """Where a quota leads and how sure that is, in one or two sentences; "" once it is used up."""
    if forecast.outlook == Outlook.USED_UP:
        return ""
    if forecast.outlook == Outlook.TOO_EARLY:
        return _("Too little was called for a forecast yet.")
    words = {"pace": str(_PACES[per] % {"n": forecast.steps})}
    if forecast.outlook == Outlook.LASTS:
        return _("%(pace)s it lasts until it starts again.") % words
    earliest = forecast.earliest or forecast.at
    words["earliest"] = moment_words(earliest) if earliest else ""
    if forecast.at is None:
        return _("%(pace)s it lasts, but only just: it may be used up from %(earliest)s on.") % words
    words["at"] = moment_words(forecast.at)
    if forecast.latest is None:
        return _("%(pace)s used up on %(at)s. The pace varies: %(earliest)s at the earliest, or not at all.") % words
    words["latest"] = moment_words(forecast.latest)
    if words["latest"] == words["earliest"]:
        return _("%(pace)s used up on %(at)s.") % words
    return _("%(pace)s used up on %(at)s, between %(earliest)s and %(latest)s.") % words


_USED: Final = {
    (CALLS, "hour"): gettext_lazy("%(used)s of %(limit)s calls this hour."),
    (CALLS, "day"): gettext_lazy("%(used)s of %(limit)s calls today."),
    (CALLS, "month"): gettext_lazy("%(used)s of %(limit)s calls this month."),
    (UNITS, "hour"): gettext_lazy("%(used)s of %(limit)s units this hour."),
    (UNITS, "day"): gettext_lazy("%(used)s of %(limit)s units today."),
    (UNITS, "month"): gettext_lazy("%(used)s of %(limit)s units this month."),
    (BYTES, "hour"): gettext_lazy("%(used)s of %(limit)s this hour."),
    (BYTES, "day"): gettext_lazy("%(used)s of %(limit)s today."),
    (BYTES, "month"): gettext_lazy("%(used)s of %(limit)s this month."),
    (CALLS, "period"): gettext_lazy("%(used)s of %(limit)s calls in this period."),
    (UNITS, "period"): gettext_lazy("%(used)s of %(limit)s units in this period."),
    (BYTES, "period"): gettext_lazy("%(used)s of %(limit)s in this period."),
    (CALLS, _OWN_DAY): gettext_lazy("%(used)s of %(limit)s calls in these 24 hours."),
    (UNITS, _OWN_DAY): gettext_lazy("%(used)s of %(limit)s units in these 24 hours."),
    (BYTES, _OWN_DAY): gettext_lazy("%(used)s of %(limit)s in these 24 hours."),
    (CALLS, _OWN_MONTH): gettext_lazy("%(used)s of %(limit)s calls in the subscription's month."),
    (UNITS, _OWN_MONTH): gettext_lazy("%(used)s of %(limit)s units in the subscription's month."),
    (BYTES, _OWN_MONTH): gettext_lazy("%(used)s of %(limit)s in the subscription's month."),
}
_GRANTED: Final = {
    (CALLS, "hour"): gettext_lazy("%(count)s calls an hour"),
    (CALLS, "day"): gettext_lazy("%(count)s calls a day"),
    (CALLS, "month"): gettext_lazy("%(count)s calls a month"),
    (UNITS, "hour"): gettext_lazy("%(count)s units an hour"),
    (UNITS, "day"): gettext_lazy("%(count)s units a day"),
    (UNITS, "month"): gettext_lazy("%(count)s units a month"),
    (BYTES, "hour"): gettext_lazy("%(count)s an hour"),
    (BYTES, "day"): gettext_lazy("%(count)s a day"),
    (BYTES, "month"): gettext_lazy("%(count)s a month"),
    (CALLS, "period"): gettext_lazy("%(count)s calls a billing period"),
    (UNITS, "period"): gettext_lazy("%(count)s units a billing period"),
    (BYTES, "period"): gettext_lazy("%(count)s a billing period"),
}
_LABELS: Final = {
    (CALLS, "hour"): gettext_lazy("Calls this hour"),
    (CALLS, "day"): gettext_lazy("Calls today"),
    (CALLS, "month"): gettext_lazy("Calls this month"),
    (UNITS, "hour"): gettext_lazy("Units this hour"),
    (UNITS, "day"): gettext_lazy("Units today"),
    (UNITS, "month"): gettext_lazy("Units this month"),
    (BYTES, "hour"): gettext_lazy("Data this hour"),
    (BYTES, "day"): gettext_lazy("Data today"),
    (BYTES, "month"): gettext_lazy("Data this month"),
    (CALLS, "period"): gettext_lazy("Calls in this period"),
    (UNITS, "period"): gettext_lazy("Units in this period"),
    (BYTES, "period"): gettext_lazy("Data in this period"),
    (CALLS, _OWN_DAY): gettext_lazy("Calls in these 24 hours"),
    (UNITS, _OWN_DAY): gettext_lazy("Units in these 24 hours"),
    (BYTES, _OWN_DAY): gettext_lazy("Data in these 24 hours"),
    (CALLS, _OWN_MONTH): gettext_lazy("Calls in the subscription's month"),
    (UNITS, _OWN_MONTH): gettext_lazy("Units in the subscription's month"),
    (BYTES, _OWN_MONTH): gettext_lazy("Data in the subscription's month"),
}
_RATES: Final = {
    1: gettext_lazy("%(count)s calls a second"),
    60: gettext_lazy("%(count)s calls a minute"),
    3600: gettext_lazy("%(count)s calls an hour"),
    86_400: gettext_lazy("%(count)s calls a day"),
}


def rate_words(rate: Mapping[str, Any]) -> str:
    """`10 calls a second, bursts of 20`."""
    per_s = rate["per_s"]
    pattern = _RATES.get(per_s) or gettext_lazy("%(count)s calls every %(seconds)s seconds")
    words = str(pattern % {"count": count(rate["requests"]), "seconds": per_s})
    burst = rate.get("burst") or rate["requests"]
    if burst <= rate["requests"]:
        return words
    return _("%(rate)s, bursts of %(burst)s") % {"rate": words, "burst": count(burst)}


def granted_words(quota: Mapping[str, Any]) -> str:
    """`1,000 calls a month`, `500 units a day`, `10 GB a month`."""
    unit = unit_of(quota)
    words = str(_GRANTED[unit, quota["per"]] % {"count": quantity(quota["requests"], unit)})
    if quota["per"] == BILLING_PERIOD or not is_anchored(quota):
        return words
    return _("%(quota)s, counted from the beginning of the subscription") % {"quota": words}


def costs_words(weights: Mapping[str, int]) -> str:
    """What calls cost in units: `A call costs 1 unit; POST /transfers: 5, GET /reports*: 2`; "" without weights."""
    if not weights:
        return ""
    costs = enumerated(labelled(operation, f"{weight:,}") for operation, weight in weights.items())
    return _("A call costs 1 unit, but %(costs)s") % {"costs": costs}


def gauge_label(gauge: Gauge) -> str:
    """What a gauge counts: `Calls this month`."""
    return str(_LABELS[gauge.unit, _window_named(gauge)])


def quota_words(gauge: Gauge, forecast: Forecast) -> str:
    """How far a quota is used, and where that leads."""
    amounts = {"used": quantity(gauge.used, gauge.unit), "limit": quantity(gauge.limit, gauge.unit)}
    words = str(_USED[gauge.unit, _window_named(gauge)] % amounts)
    return f"{words} {forecast_words(gauge.per, forecast)}".strip()


def _window_named(gauge: Gauge) -> str:
    """By the calendar, or as the subscription's own: "today" and "this month" are days and months of everybody."""
    return _OWN.get(gauge.per, gauge.per) if gauge.is_anchored else gauge.per
