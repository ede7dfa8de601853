"""Charged usage: since when the plan in force charges what is used; what came before was charged by another one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from apim.billing.models import GrantedVersion, UsageCut

_NEXT_MINUTE: Final = timedelta(minutes=1)  # a cut is made at the minute after the change


def charged_since(starts: Mapping[str, datetime]) -> dict[str, datetime]:
    """When the plan in force began to charge usage in the period, by subscription: its start, or a change of plan.

    A change that was not paid, or was taken back, leaves a cut behind at which nothing changed: it does not count. So
    the cut is the last one before the version that was granted last.
    Shapes: starts = when the period of each subscription began. Two queries for any number.
    """
    if not starts:
        return {}
    earliest = min(starts.values())
    granted = dict[str, datetime]()
    versions = GrantedVersion.objects.filter(subscription__in=starts, since__gte=earliest).order_by("since", "id")
    for key, since in versions.values_list("subscription_id", "since"):
        granted[key] = since
    cuts: defaultdict[str, list[datetime]] = defaultdict(list)
    for key, at in UsageCut.objects.filter(subscription__in=granted, at__gt=earliest).values_list(
        "subscription_id", "at"
    ):
        cuts[key].append(at)
    return {
        key: max([start, *(at for at in cuts[key] if start < at <= granted[key] + _NEXT_MINUTE)])
        for key, start in starts.items()
    }
