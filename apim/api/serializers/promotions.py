"""Shapes of promotions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from apim.api.bodies import Body
from apim.api.serializers.replay import ReplayShape, replay_answer
from gateway_sync.delivery.replay import replay_revisions

if TYPE_CHECKING:
    from collections.abc import Collection

    from apim.platform.promotion import Change, Plan


class PromotionBody(Body):
    """What is to go where, and why."""

    to = serializers.CharField(max_length=60, help_text="The environment that is to have it: id or name.")
    items = serializers.ListField(
        child=serializers.CharField(max_length=400),
        required=False,
        help_text="Ids of changes, such as `version:bank/v1`; all that can go when left out.",
    )
    reason = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="Needed unless `dry_run`; kept in the audit log."
    )
    waiver = serializers.CharField(
        max_length=1000,
        required=False,
        allow_blank=True,
        help_text="Why it is right that callers break.",
    )
    dry_run = serializers.BooleanField(required=False, help_text="Change nothing; say what would change.")


class PromotionChangeShape(serializers.Serializer[Any]):
    """An item that the other environment has otherwise or not at all."""

    id = serializers.CharField()
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment] # a field of that name, not DRF's property
    before = serializers.JSONField(allow_null=True, help_text="What the target has; null = nothing.")
    after = serializers.JSONField()
    refusal = serializers.CharField(allow_blank=True, help_text="Why it cannot go; empty when it can.")


class PromotionShape(serializers.Serializer[Any]):
    """What differs, and the promotion that was made of it."""

    promotion = serializers.CharField(allow_null=True, help_text="Its id; null for a dry run.")
    changes = PromotionChangeShape(many=True)
    kept = serializers.ListField(child=serializers.CharField(), help_text="What only the target has; it stays.")
    calls = ReplayShape(allow_null=True, help_text="In the target, by the versions that would go; null when they went.")


def promotion_answer(plan: Plan, promotion_id: str | None, chosen: Collection[str] | None = None) -> dict[str, Any]:
    """As PromotionShape says."""
    made = replay_revisions(plan.target, plan.revisions(chosen)) if promotion_id is None else None
    return {
        "calls": replay_answer(made) if made is not None else None,
        "promotion": promotion_id,
        "changes": [_change(change) for change in plan.changes],
        "kept": list(plan.kept),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "kind": change.item.kind,
        "label": change.item.label,
        "before": change.before,
        "after": change.item.state,
        "refusal": change.refusal,
    }
