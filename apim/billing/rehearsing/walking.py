"""Walking: one step of a rehearsal at a time, each a task of its own, so that no worker is kept long.

A worker that dies leaves a step that another one takes up again; a rehearsal that nobody takes up is ended and removed.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from apim.billing.connection import Connection, find_connection
from apim.billing.driver import DriverFailed
from apim.billing.models import Mode, Rehearsal, RehearsalStep
from apim.billing.rehearsing.acts import ACTS
from apim.billing.rehearsing.scene import forget_usage, remove
from apim.billing.rehearsing.starting import announce
from apim.billing.rehearsing.walk import Canceled, StepFailed, Walk
from apim.billing.standing import Unmatched
from apim.errors import DomainError

logger = logging.getLogger(__name__)

_LOST_AFTER: Final = timedelta(minutes=10)  # without a sign of life
_LATE_USAGE: Final = timedelta(hours=1)
_TEXT_AT_MOST: Final = 500


def take_step(rehearsal_id: str) -> bool:
    """True when a step was taken and others follow. Whoever comes while another one is at it does nothing."""
    now = timezone.now()
    free = Rehearsal.objects.filter(pk=rehearsal_id).running()
    free = free.filter(Q(beat_at=None) | Q(beat_at__lt=now - _LOST_AFTER))
    if not free.update(beat_at=now, state=Rehearsal.State.RUNNING):
        return False
    rehearsal = Rehearsal.objects.select_related("plan", "plan_version", "product", "environment", "organization").get(
        pk=rehearsal_id
    )
    connection = find_connection()
    if connection is None or connection.mode != Mode.TEST:
        _end(connection, rehearsal, Rehearsal.State.FAILED, "Stripe is not connected in test mode any more.")
        return False
    steps = RehearsalStep.State
    step = rehearsal.steps.filter(state__in=(steps.WAITING, steps.RUNNING)).first()
    if step is not None and not rehearsal.is_cancel_wanted:
        outcome = _take(Walk(connection, rehearsal, step))
        if outcome is not None:
            _end(connection, rehearsal, *outcome)
            return False
    is_last = not rehearsal.steps.filter(state=steps.WAITING).exists()
    if is_last or Rehearsal.objects.filter(pk=rehearsal_id, is_cancel_wanted=True).exists():
        _end(connection, rehearsal, *(_CANCELED if not is_last else _DONE))
        return False
    Rehearsal.objects.filter(pk=rehearsal_id).update(beat_at=None)
    return True


_CANCELED: Final = (Rehearsal.State.CANCELED, "Canceled; what it made is removed.")
_DONE: Final = (Rehearsal.State.DONE, "Every step came to what it should; what it made is removed.")


def _take(walk: Walk) -> tuple[Rehearsal.State, str] | None:
    """What the rehearsal ends in because of this step; None when it goes on."""
    step = walk.step
    step.state, step.started_at, step.log = RehearsalStep.State.RUNNING, timezone.now(), ""
    step.stripe_said, step.ledger_said, step.gateway_said = [], [], []
    step.save()
    try:
        why = ACTS[step.name](walk)
    except Canceled:
        _close(step, RehearsalStep.State.SKIPPED, "Canceled.")
        return _CANCELED
    except (StepFailed, DriverFailed, Unmatched, DomainError) as fault:
        _close(step, RehearsalStep.State.FAILED, str(fault))
        return Rehearsal.State.FAILED, f"{step.name}: {fault}"
    except Exception as error:
        # Whatever it is, the customer must be removed and the page must say that it is over.
        logger.exception("rehearsal %s failed in its step %s", walk.rehearsal.pk, step.name)
        why = f"An unexpected {type(error).__name__}: see the worker's log."
        _close(step, RehearsalStep.State.FAILED, why)
        return Rehearsal.State.FAILED, f"{step.name}: {why}"
    _close(step, RehearsalStep.State.SKIPPED if why else RehearsalStep.State.DONE, why)
    return None


def _close(step: RehearsalStep, state: RehearsalStep.State, why: str) -> None:
    step.state, step.finished_at = state, timezone.now()
    step.log += f"{why}\n" if why else ""
    step.save()


def _end(connection: Connection | None, rehearsal: Rehearsal, state: Rehearsal.State, outcome: str) -> None:
    """The rehearsal has ended; its customer is removed, now or as soon as Stripe answers."""
    rehearsal.steps.filter(state=RehearsalStep.State.WAITING).update(state=RehearsalStep.State.SKIPPED)
    rehearsal.state, rehearsal.outcome, rehearsal.finished_at = state, outcome[:_TEXT_AT_MOST], timezone.now()
    rehearsal.save(update_fields=["state", "outcome", "finished_at"])
    _remove(connection, rehearsal)


def _remove(connection: Connection | None, rehearsal: Rehearsal) -> None:
    try:
        remove(connection, rehearsal)
    except DriverFailed as failure:
        logger.warning("rehearsal %s is removed later: %s", rehearsal.pk, failure)


def tend_rehearsals() -> None:
    """Go on with those whose message or worker was lost; remove what is left of those that have ended."""
    for rehearsal_id in Rehearsal.objects.running().values_list("pk", flat=True):
        announce(rehearsal_id)
    ended = Rehearsal.objects.exclude(state__in=Rehearsal.RUNNING)
    connection = find_connection()
    for rehearsal in ended.filter(is_removed=False):
        try:
            _remove(connection if connection is not None and connection.mode == Mode.TEST else None, rehearsal)
        except Exception:  # a bug with one must not keep all others for ever
            logger.exception("rehearsal %s cannot be removed", rehearsal.pk)
    for rehearsal in ended.filter(is_removed=True, finished_at__gte=timezone.now() - _LATE_USAGE):
        forget_usage(rehearsal)
