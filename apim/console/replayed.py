"""The last calls answered anew, in words: what an owner reads before a revision takes the place of what runs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apim.access.models import Application
from apim.contention import is_cut_off
from apim.ui.said import said_both
from gateway_sync.delivery.replay import CALLS_AT_MOST, replay, replay_revisions, replay_states

if TYPE_CHECKING:
    from collections.abc import Callable

    from apim.catalog.models import Revision
    from apim.gateways.models import Environment
    from apim.platform.promotion import Plan as Promotion
    from gateway_sync.delivery.pinning import Plan
    from gateway_sync.delivery.replay import Difference, Outcome, Replay

_NAMED_AT_MOST: Final = 5
_TURNS_ON: Final = {
    "key": gettext_lazy("if the key is sent as until now"),
    "address": gettext_lazy("if the address is not among those let in"),
    "fields": gettext_lazy("if its query or fields are not as asked for"),
    "body": gettext_lazy("if its body is not as asked for"),
}


@dataclass(frozen=True, slots=True)
class Alike:
    """Calls of one operation that would be answered otherwise in the same way. Shapes: example is a path."""

    operation: str
    now: str
    then: str
    turns_on: str
    calls: int
    example: str
    applications: tuple[str, ...]
    more_applications: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What is shown: a sentence, its state, and the groups, those of most calls first."""

    sentence: str
    state: str
    groups: tuple[Alike, ...]
    problems: tuple[str, ...]


def replayed(environment: Environment, revision: Revision) -> Replayed:
    """The last calls under the revision, in words. A fixed number of queries."""
    return _in_time(lambda: replay(environment, revision))


def replayed_promotion(plan: Promotion) -> Replayed | None:
    """The last calls in the target by the versions that may go there, in words; None when it runs none of them.

    A fixed number of queries.
    """
    revisions = plan.revisions()
    return _in_time(lambda: replay_revisions(plan.target, revisions)) if revisions else None


def replayed_states(environment: Environment, plan: Plan) -> Replayed:
    """The last calls by what would be sent to an environment's gateways, in words. A fixed number of queries."""
    return _in_time(lambda: replay_states(environment, plan.now, plan.then))


def _in_time(make: Callable[[], Replay]) -> Replayed:
    """In words; that they were not compared, where the database gave it up: nobody must wait for this to go back."""
    try:
        return _shown(make())
    except DatabaseError as error:
        if not is_cut_off(error):
            raise
        return Replayed(_not_found(), "warn", (), ())


def _shown(made: Replay) -> Replayed:
    groups: defaultdict[tuple[Outcome, Outcome], list[Difference]] = defaultdict(list)
    for each in made.differences:
        groups[each.now, each.then].append(each)
    ids = {made.records[each.call.id].application_id for each in made.differences}
    names = dict(Application.objects.filter(id__in=ids).values_list("id", "name"))
    alike = [_alike(made, found, names) for found in groups.values()]
    return Replayed(
        _sentence(made),
        _state(made),
        tuple(sorted(alike, key=lambda one: (-one.calls, one.operation))),
        tuple(said_both(problem.message, problem.hint) for problem in made.problems),
    )


def _not_found() -> str:
    return _("The last calls were not compared: the database took too long to find them. You may go on without.")


def _state(made: Replay) -> str:
    """That of a notice; "" where there was nothing to compare, which is neither good nor bad."""
    if made.differences or made.problems or (made.is_cut_off and not made.calls):
        return "warn"
    return "ok" if made.calls else ""


def _sentence(made: Replay) -> str:
    if not made.calls and made.is_cut_off:
        return _not_found()
    if not made.calls:
        return _("No call of an application is in the log yet, so there is nothing to compare.")
    numbers = {"count": made.calls, "differing": len(made.differences), "certain": made.certain}
    if not made.differences:
        return ngettext(
            "The last call would be answered as now.", "The last %(count)s calls would be answered as now.", made.calls
        ) % numbers  # fmt: skip
    if made.certain == len(made.differences):
        return _("%(differing)s of the last %(count)s calls would be answered differently.") % numbers
    told = _("%(differing)s of the last %(count)s calls would or might be answered differently: %(certain)s for sure.")
    return told % numbers


def _alike(made: Replay, found: list[Difference], names: dict[str, str]) -> Alike:
    first = found[0]
    records = [made.records[each.call.id] for each in found]
    callers = sorted({names.get(record.application_id, record.application_id) for record in records})
    return Alike(
        first.now.operation or records[0].operation,
        _words(first.now),
        _words(first.then),
        str(_TURNS_ON.get(first.then.turns_on, "")),
        len(found),
        first.call.path,
        tuple(callers[:_NAMED_AT_MOST]),
        max(0, len(callers) - _NAMED_AT_MOST),
    )


def _words(outcome: Outcome) -> str:
    """What a caller gets."""
    if outcome.kind == "forwarded":
        return _("The service answers %(operation)s") % {"operation": outcome.operation}
    if outcome.kind == "answered":
        return _("%(status)s by the policy %(policy)s") % {"status": outcome.status, "policy": outcome.policy}
    return _("Refused: %(status)s %(code)s") % {"status": outcome.status, "code": outcome.code}


__all__ = ["CALLS_AT_MOST", "Alike", "Replayed", "replayed", "replayed_promotion", "replayed_states"]
