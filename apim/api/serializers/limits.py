"""Shapes of rates and quotas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rest_framework import serializers

from apim.api.bodies import Body
from apim.products.limits import QUOTA_PERIODS, QUOTA_UNITS, WINDOWS, is_anchored

MAX_COUNT = 2**53 - 1  # what every JSON reader holds exactly


class RateShape(serializers.Serializer[Any]):
    """A rate limit with its burst."""

    requests = serializers.IntegerField()
    per_s = serializers.IntegerField()
    burst = serializers.IntegerField()


_UNIT_HELP = "What `requests` counts: calls, units (see `weights`) or bytes of bodies, both ways."


_PER_HELP = "An hour, day or month, or the plan's billing period: a month where it has no prices."
_WINDOW_HELP = (
    "Whether a day or month is one of the calendar, or the subscription's own, as a billing period always is."
)


class QuotaShape(serializers.Serializer[Any]):
    """A quota of one period."""

    requests = serializers.IntegerField()
    per = serializers.ChoiceField(QUOTA_PERIODS, help_text=_PER_HELP)
    unit = serializers.ChoiceField(QUOTA_UNITS, default="calls", help_text=_UNIT_HELP)
    window = serializers.SerializerMethodField(help_text=_WINDOW_HELP)

    def get_window(self, quota: Mapping[str, Any]) -> Literal["calendar", "anchored"]:
        """Told of each."""
        return "anchored" if is_anchored(quota) else "calendar"


class RateBody(Body):
    """So many requests in so many seconds, and how many of them at once."""

    requests = serializers.IntegerField(min_value=1, max_value=MAX_COUNT)
    per_s = serializers.IntegerField(min_value=1, max_value=86_400, required=False, default=1)
    burst = serializers.IntegerField(min_value=1, max_value=MAX_COUNT, required=False, default=None, allow_null=True)


class QuotaBody(Body):
    """So many requests in an hour, day, month or billing period, or so much of another unit."""

    requests = serializers.IntegerField(min_value=1, max_value=MAX_COUNT)
    per = serializers.ChoiceField(QUOTA_PERIODS, help_text=_PER_HELP)
    unit = serializers.ChoiceField(QUOTA_UNITS, required=False, default="calls", help_text=_UNIT_HELP)
    window = serializers.ChoiceField(WINDOWS, required=False, help_text=_WINDOW_HELP)
