"""Shapes of changes of plan."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apim.api.bodies import Body


class SwitchBody(Body):
    """The plan to change to."""

    plan = serializers.CharField(max_length=60, help_text="Id or name.")
    version = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text="Of the preview: refused when it changed.",
    )
    shown_at = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="Of the preview: what it showed is what is charged."
    )


class ChargeLineShape(serializers.Serializer[Any]):
    """A line of what is charged."""

    name = serializers.CharField()
    amount = serializers.CharField()


class ChargeShape(serializers.Serializer[Any]):
    """What is charged at once, amounts as texts."""

    currency = serializers.CharField()
    lines = ChargeLineShape(many=True)
    total = serializers.CharField(help_text="Before taxes; below zero it is credited.")
    due = serializers.CharField(help_text="What is taken from the card.")
    local_total = serializers.CharField(help_text="What our own rating makes of it.")


class SwitchPreviewShape(serializers.Serializer[Any]):
    """A change of plan before it is made."""

    plan = serializers.CharField()
    version = serializers.CharField()
    is_immediate = serializers.BooleanField()
    at = serializers.DateTimeField(help_text="When it would hold.")
    shown_at = serializers.IntegerField(allow_null=True)
    charge = ChargeShape(allow_null=True)


class ComingShape(serializers.Serializer[Any]):
    """The plan that a subscription has next."""

    plan = serializers.CharField()
    plan_version = serializers.IntegerField()
    kind = serializers.CharField(help_text="`scheduled`, or `awaits-payment`: forgotten `at` unless it is paid.")
    at = serializers.DateTimeField()
    pay_url = serializers.CharField()


class SwitchedShape(serializers.Serializer[Any]):
    """How a subscription stands after a change of plan was asked for or taken back."""

    subscription = serializers.CharField()
    plan = serializers.CharField()
    plan_version = serializers.IntegerField()
    coming = ComingShape(allow_null=True)
