"""Rehearsals, as answers show them."""

from __future__ import annotations

from rest_framework import serializers

from apim.billing.models import Rehearsal, RehearsalStep


class RehearsalStepShape(serializers.ModelSerializer[RehearsalStep]):
    """A step, and what each of three said after it."""

    class Meta:
        model = RehearsalStep
        fields = (
            "number", "name", "state", "test_time", "stripe_said", "ledger_said", "gateway_said", "gateway_status",
            "log", "started_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields


class RehearsalShape(serializers.ModelSerializer[Rehearsal]):
    """A customer on a test clock walking through a plan; it is removed at the end."""

    plan = serializers.CharField(source="plan.name")
    version = serializers.IntegerField(source="plan_version.number")
    product = serializers.CharField(source="product.name")
    environment = serializers.CharField(source="environment.name")
    steps = RehearsalStepShape(many=True)

    class Meta:
        model = Rehearsal
        fields = (
            "id", "plan", "version", "product", "environment", "state", "outcome", "is_removed", "requested_by",
            "created_at", "finished_at", "steps",
        )  # fmt: skip
        read_only_fields = fields
