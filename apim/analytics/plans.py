"""Calls as they were made: under the plan version that was in force at the gateway which admitted them.

Owns: what sums of calls are of a plan, though its subscriptions came from others and went to others. Sums of before
plans were noted name none: they count for the plan that their subscription has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import QuerySet

from apim.access.models import Subscription
from apim.analytics.questions import Question, condition
from apim.analytics.statements import Clause, meeting
from apim.products.models import PlanVersion
from apim.usage.models import PlanMove, UsageRollup

_ROWS: Final = "usage_usagerollup"
_MOVES: Final = "usage_planmove"
_DIMENSIONS: Final = ", ".join(UsageRollup.DIMENSIONS)
_ADDED: Final = ", ".join(UsageRollup.SUMS)
_TAKEN: Final = ", ".join(f"-{name} AS {name}" for name in UsageRollup.SUMS)


def calls_of(question: Question) -> Clause:
    """The table that a question about calls is asked: all of them, or what was made under its plan."""
    if not question.plan_id:
        return Clause(_ROWS)
    versions = PlanVersion.objects.filter(plan_id=question.plan_id).values("id")
    holders = _holders(question.plan_id)
    unnamed = {"plan_version_id": "", "subscription_id": holders}
    arms = (
        _arm(_ROWS, _ADDED, {"plan_version_id": versions}),
        _arm(_ROWS, _ADDED, unnamed),
        _arm(_MOVES, _ADDED, {"plan_version_id": versions}),
        _arm(_MOVES, _TAKEN, {"named_version_id": versions}),
        _arm(_MOVES, _TAKEN, {"named_version_id": "", "subscription_id": holders}),
    )
    union = " UNION ALL ".join(arm.sql for arm in arms)
    return Clause(f"({union}) called", tuple(value for arm in arms for value in arm.params))


def rows_of(question: Question) -> list[QuerySet[Any]]:
    """The rows that hold such calls, beside others it may be: where and when there were some, not how many."""
    asked = condition(question.of_calls())
    if not question.plan_id:
        return [UsageRollup.objects.filter(asked)]
    named = {"plan_version_id__in": PlanVersion.objects.filter(plan_id=question.plan_id).values("id")}
    unnamed = {"plan_version_id": "", "subscription_id__in": _holders(question.plan_id)}
    return [
        UsageRollup.objects.filter(asked, **named),
        UsageRollup.objects.filter(asked, **unnamed),
        PlanMove.objects.filter(asked, **named),
    ]


def _holders(plan_id: str) -> QuerySet[Any]:
    """The subscriptions that have the plan today."""
    return Subscription.objects.filter(plan_version__plan_id=plan_id).values("id")


def _arm(table: str, sums: str, values: Mapping[str, object]) -> Clause:
    where = meeting(values)
    return Clause(f"SELECT {_DIMENSIONS}, {sums} FROM {table} WHERE {where.sql}", where.params)  # noqa: S608 - of names alone
