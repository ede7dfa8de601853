"""Shapes of going back to a publication, and of following the configuration again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.replay import ReplayShape, replay_answer
from gateway_sync.delivery.models import Pin
from gateway_sync.delivery.replay import replay_states

if TYPE_CHECKING:
    from apim.gateways.models import Environment
    from gateway_sync.delivery.pinning import Plan


class ReleaseBody(Body):
    """Why, and whether only to look."""

    reason = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="Needed unless `dry_run`; kept in the audit log."
    )
    seen = serializers.IntegerField(
        required=False, help_text="The revision that a dry run compared with; 409 when another was published since."
    )
    dry_run = serializers.BooleanField(required=False, help_text="Change nothing; say what would change.")


class EnvironmentRollbackBody(ReleaseBody):
    """Which publication to go back to, and why."""

    revision = serializers.IntegerField(min_value=1, help_text="Of the publication to go back to.")


class PinShape(serializers.ModelSerializer[Pin]):
    """Where an environment is held."""

    class Meta:
        model = Pin
        fields = ("revision", "reason", "made_by", "is_automatic", "made_at")
        read_only_fields = fields


class FieldDifferenceShape(serializers.Serializer[Any]):
    """One value that differs; empty = not there."""

    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class DifferenceShape(serializers.Serializer[Any]):
    """One thing that comes, goes or changes for callers."""

    kind = serializers.CharField(help_text="`host`, `plan`, `version`, `policy`, `operation` and so on.")
    subject = serializers.CharField()
    action = serializers.ChoiceField(("added", "removed", "changed"))
    fields = FieldDifferenceShape(many=True)  # type: ignore[assignment] # a field of that name, not DRF's property


class RollbackPlanShape(serializers.Serializer[Any]):
    """What gateways are sent, against what they were sent last."""

    seen = serializers.IntegerField(help_text="The revision that this was compared with.")
    is_done = serializers.BooleanField(help_text="False for a dry run.")
    changes = DifferenceShape(many=True)
    calls = ReplayShape(allow_null=True, help_text="Null when it was done.")


def plan_answer(plan: Plan, environment: Environment, *, is_done: bool) -> dict[str, Any]:
    """As RollbackPlanShape says."""
    return {
        "calls": None if is_done else replay_answer(replay_states(environment, plan.now, plan.then)),
        "seen": plan.seen,
        "is_done": is_done,
        "changes": [
            {
                "kind": change.kind,
                "subject": change.subject,
                "action": change.action,
                "fields": [
                    {"name": field.name, "before": field.before, "after": field.after} for field in change.fields
                ],
            }
            for change in plan.changes
        ],
    }
