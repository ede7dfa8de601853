"""Doing jobs: one worker takes one, says that it lives, and ends it once.

A job is taken by an update that only one can win, which counts its run. Whatever a worker writes for it names that run,
in the transaction of the work itself: who was taken for dead, and comes back, changes nothing any more.
"""

from __future__ import annotations

import logging
import threading
from typing import Final, Self

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.jobs.announcing import announce
from apim.jobs.kinds import JobKind, job_kind
from apim.jobs.models import Job, JobPart, silent
from apim.jobs.telling import tell_end
from apim.jobs.work import Canceled, Lost, Work
from apim.ui.language import speaking

logger = logging.getLogger(__name__)

MOST_ATTEMPTS: Final = 3
_BEAT_S: Final = 1.0
State = Job.State


class _Pulse:
    """A thread that beats while the work goes on, on a connection of its own: progress is seen before the commit."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"pulse-{work.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._over.wait(_BEAT_S):
                try:
                    self._work.beat()
                except DatabaseError as error:  # SQLite while the work itself writes, or a database that is away
                    logger.debug("job %s did not beat: %s", self._work.id, error)
                    connection.close()
        finally:
            connection.close()


def run(job_id: str) -> bool:
    """True when this worker took the job and worked on it; False when another has it, or it has ended."""
    job = _take(job_id)
    if job is None:
        return False
    work = Work(job)
    with speaking(job.language):
        with _Pulse(work):
            is_left = _do(work, job)
        if is_left:  # only now: a beat after it would say that somebody is at it
            _hand_on(work)
    return True


def tend() -> int:
    """Send for workers where a job waits or its worker died, and fail what died too often; how many were sent for."""
    now = timezone.now()
    stale = Job.objects.filter(silent(now), state=State.RUNNING)
    for job in stale.filter(attempts__gte=MOST_ATTEMPTS):
        with transaction.atomic():
            values = {"state": State.FAILED, "ended_at": now, "problems": [_told(_hopeless(job))]}
            if stale.filter(pk=job.pk, run=job.run).update(**values):
                JobPart.objects.filter(job=job).delete()
                tell_end(job.pk)
    left = Q(state=State.WAITING) | (Q(state=State.RUNNING) & silent(now))
    ids = list(Job.objects.filter(left).order_by("asked_at").values_list("pk", flat=True)[:100])
    for pk in ids:
        announce(Job(pk=pk))
    return len(ids)


def _take(job_id: str) -> Job | None:
    now = timezone.now()
    free = Q(state=State.WAITING) | (Q(state=State.RUNNING, attempts__lt=MOST_ATTEMPTS) & silent(now))
    with transaction.atomic():
        values = {"state": State.RUNNING, "run": F("run") + 1, "attempts": F("attempts") + 1, "beat_at": now}
        if not Job.objects.filter(free, pk=job_id).update(**values):
            return None
        return Job.objects.select_related("asked_by").get(pk=job_id)


def _do(work: Work, job: Job) -> bool:
    """True when there may be something left to do."""
    try:
        _kind_of(work, job).do(work)
    except Canceled:
        work.end(State.CANCELED)
    except Lost:
        logger.warning("job %s was taken over by another worker", work.id)
    except (OperationalError, InterfaceError) as error:  # the clock has it taken up again
        logger.warning("job %s lost the database: %s", work.id, error)
    except Problems as problems:
        work.end(State.FAILED, [_told(error) for error in problems.errors])
    except DomainError as error:
        work.end(State.FAILED, [_told(error)])
    except Exception:  # the edge of a job: whoever asked is told, and the log says why
        logger.exception("job %s failed", work.id)
        text = gettext("It failed by a fault of the product. The log of the worker names %(job)s.") % {"job": work.id}
        work.end(State.FAILED, [{"code": "jobs.fault", "message": text, "hint": "", "field": ""}])
    else:
        return True
    return False


def _hand_on(work: Work) -> None:
    try:
        work.give_back()  # of a job that has ended: nothing
    except (OperationalError, InterfaceError) as error:  # as above
        logger.warning("job %s lost the database: %s", work.id, error)


def _kind_of(work: Work, job: Job) -> JobKind:
    kind = job_kind(job.kind)
    if work.is_cancel_wanted:
        raise Canceled
    if work.user is not None and not work.user.is_active:
        raise Invalid("jobs.suspended", gettext("Who asked for it is suspended."))
    if kind is None:
        raise Invalid("jobs.unknown_kind", gettext("This release does not know jobs of this kind."))
    return kind


def _hopeless(job: Job) -> DomainError:
    with speaking(job.language):
        text = gettext("Its workers died, or lost the database, %(count)d times.") % {"count": MOST_ATTEMPTS}
        hint = gettext("Look at the page of health, and do it again.")
        return Conflict("jobs.lost", text, hint=hint)


def _told(error: DomainError) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "hint": error.hint, "field": error.field}
