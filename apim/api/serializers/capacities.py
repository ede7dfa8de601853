"""Shapes of what is promised of an API, and what its services bear."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body


class PromisedShape(serializers.Serializer[Any]):
    """What all plans of its subscribers promise together."""

    per_s = serializers.IntegerField(source="promised_per_s", help_text="The sum of their rates.")
    without_rate = serializers.IntegerField(help_text="Subscribers whose plan sets no rate.")
    is_over = serializers.BooleanField(help_text="True when this is more than the services bear.")


class CapacityShape(serializers.Serializer[Any]):
    """How many calls a second the services of an API bear, and what is promised."""

    api = serializers.CharField(source="api.name")
    calls_per_s = serializers.IntegerField(source="bears_per_s", allow_null=True, help_text="Null: nobody said.")
    promised = PromisedShape(source="*")


class CapacityBody(Body):
    """What the services of an API bear."""

    calls_per_s = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, allow_null=True, help_text="Of all versions together; null = not known."
    )
