"""Shapes of calls that were decided anew, before somebody confirms what would decide them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

if TYPE_CHECKING:
    from gateway_sync.delivery.replay import Difference, Outcome, Replay


class CallsAlikeShape(serializers.Serializer[Any]):
    """Calls of one operation that would be answered otherwise in the same way."""

    operation = serializers.CharField()
    now = serializers.CharField()
    then = serializers.CharField()
    turns_on = serializers.CharField(
        help_text="What decides and is not kept: `key`, `address`, `fields` or `body`; empty = it is certain."
    )
    calls = serializers.IntegerField()
    example = serializers.CharField(help_text="A path.")


class ReplayShape(serializers.Serializer[Any]):
    """The last calls of applications, decided anew by the gateway's own code."""

    compared = serializers.IntegerField()
    differing = serializers.IntegerField()
    certain = serializers.IntegerField(help_text="Of those that differ.")
    is_cut_off = serializers.BooleanField(help_text="True when there was no time to find or decide all of them.")
    groups = CallsAlikeShape(many=True, allow_null=True, help_text="Null for a token without `usage:read`.")


def replay_answer(made: Replay, *, with_calls: bool = True) -> dict[str, Any]:
    """As ReplayShape says; with_calls = who asks may see calls, not only how many there are."""
    return {
        "compared": made.calls,
        "differing": len(made.differences),
        "certain": made.certain,
        "is_cut_off": made.is_cut_off,
        "groups": _groups(made) if with_calls else None,
    }


def _groups(made: Replay) -> list[dict[str, Any]]:
    """Calls that would be answered otherwise in the same way; groups of most calls first."""
    groups: defaultdict[tuple[Outcome, Outcome], list[Difference]] = defaultdict(list)
    for each in made.differences:
        groups[each.now, each.then].append(each)
    told = [
        {
            "operation": now.operation or made.records[found[0].call.id].operation,
            "now": _words(now),
            "then": _words(then),
            "turns_on": then.turns_on,
            "calls": len(found),
            "example": found[0].call.path,
        }
        for (now, then), found in groups.items()
    ]
    return sorted(told, key=lambda one: (-int(str(one["calls"])), str(one["operation"])))


def _words(outcome: Outcome) -> str:
    if outcome.kind == "forwarded":
        return f"the service answers {outcome.operation}"
    return f"{outcome.kind} {outcome.status} {outcome.code or outcome.policy}".strip()
