"""Forecasts of quotas in sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from apim.usage.forecast import Forecast, Outlook

_PACES: Final = {
    "hour": ngettext_lazy("At the pace of the last minute", "At the pace of the last %(n)d minutes", "n"),
    "day": ngettext_lazy("At the pace of the last hour", "At the pace of the last %(n)d hours", "n"),
    "month": ngettext_lazy("At the pace of the last day", "At the pace of the last %(n)d days", "n"),
}


def moment_words(at: datetime) -> str:
    """`Tue 25 Nov, 14:00 UTC`."""
    return f"{date_format(at.astimezone(UTC), 'D j M, H:i')} UTC"


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
    "hour": gettext_lazy("%(used)s of %(limit)s calls this hour."),
    "day": gettext_lazy("%(used)s of %(limit)s calls this day."),
    "month": gettext_lazy("%(used)s of %(limit)s calls this month."),
}


def quota_words(per: str, used: int, limit: int, forecast: Forecast) -> str:
    """How far a quota is used, and where that leads."""
    words = str(_USED[per] % {"used": f"{used:,}", "limit": f"{limit:,}"})
    return f"{words} {forecast_words(per, forecast)}".strip()
