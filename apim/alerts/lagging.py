"""Reading which gateways lagged, minute by minute. Who notes it: apim.platform.lagging, which knows what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max

from apim.alerts.models import LagMinute


def lags_of(
    environments: Iterable[str | None], since: datetime, until: datetime
) -> dict[str | None, dict[datetime, tuple[int, str]]]:
    """The worst lag of each minute by environment, with the gateway's name; None = of any. One query.

    Units: seconds.
    """
    wanted = set(environments)
    found: dict[str | None, dict[datetime, tuple[int, str]]] = {each: {} for each in wanted}
    rows = LagMinute.objects.filter(at__gte=since, at__lt=until)
    if None not in wanted:
        rows = rows.filter(gateway__environment__in=wanted)
    named = rows.order_by().values_list("gateway__environment_id", "at", "gateway__name")
    for environment_id, at, name, lag_s in named.annotate(worst=Max("lag_s")):
        for each in wanted & {environment_id, None}:
            found[each][at] = max(found[each].get(at, (0, "")), (lag_s, name))
    return found
