"""Doing jobs: one worker takes one, says that it lives, and ends it once.

A job is taken by an update that only one can win, which counts its run. Whatever a worker writes for it names that run,
in the transaction of the work itself: who was taken for dead, and comes back, changes nothing any more.
"""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Sequence
from typing import Any, Final, Self

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.errors import Conflict, DomainError, Forbidden, Invalid, Problems
from apim.jobs.kinds import JobKind, job_kind
from apim.jobs.models import Job, JobPart
from apim.jobs.services import announce, silent
from apim.jobs.telling import tell_end
from apim.ui.language import speaking

logger = logging.getLogger(__name__)

SLICE_S: Final = 6.0  # then others have their turn
MOST_ATTEMPTS: Final = 3
MOST_FILE_BYTES: Final = 1 << 30
_BEAT_S: Final = 1.0
State = Job.State


class Canceled(Exception):
    """Somebody wants no more of it."""


class Lost(Exception):
    """Another worker has the job: what this one was about to write must not be."""


class Work:
    """A job in the hands of its worker, as kinds know it.

    Shapes: wanted and cursor as in Job; user None = asked for by a token or by the product itself.
    """

    def __init__(self, job: Job) -> None:
        self.id: Final = job.pk
        self.wanted: Final[dict[str, Any]] = job.wanted
        self.cursor: Any = job.cursor
        self.user: Final[User | None] = job.asked_by
        self.by: Final = Actor(job.actor_kind, job.actor_id, job.actor_label)
        self.progress: tuple[int, int, str] = (job.done, job.total, job.note)
        self.is_cancel_wanted = job.is_cancel_wanted
        self._run: Final = job.run
        self._ends_at: Final = time.monotonic() + SLICE_S

    @property
    def asker(self) -> User:
        """Who asked, with what they may do now. Errors: Forbidden jobs.nobody when no person did."""
        if self.user is None:
            raise Forbidden("jobs.nobody", gettext("Only a person can ask for this."))
        return self.user

    @property
    def is_slice_over(self) -> bool:
        """True when others should have their turn."""
        return time.monotonic() >= self._ends_at

    def report(self, done: int, total: int, note: str = "") -> None:
        """Tell how far it is, for pages; within a transaction too. Errors: Canceled when nobody wants it any more."""
        self.progress = (done, total, note)
        if self.is_cancel_wanted:
            raise Canceled

    def keep(self, cursor: Any) -> None:
        """Note how far it is, in the transaction of the work. Errors: Lost."""
        done, total, note = self.progress
        values = {"cursor": cursor, "done": done, "total": total, "note": note, "attempts": 0}
        if not self._mine().update(**values, beat_at=timezone.now()):
            raise Lost
        self.cursor = cursor

    def write(self, text: str) -> None:
        """Add to the job's file, in the transaction of the work, before keep. Errors: Invalid jobs.too_large."""
        parts = JobPart.objects.filter(job_id=self.id)
        last = parts.order_by("-number").values_list("number", flat=True).first()
        data = text.encode()
        if len(data) * ((last or 0) + 1) > MOST_FILE_BYTES:  # parts are of about one size
            raise Invalid("jobs.too_large", gettext("The file would be too large."), hint=gettext("Ask for less."))
        number = 0 if last is None else last + 1
        JobPart.objects.create(job_id=self.id, number=number, data=zlib.compress(data), bytes=len(data))

    def finish(self, page: str = "") -> None:
        """End the job, in the transaction of its last write: both are, or neither.

        Shapes: page = where the result is looked at. Errors: Canceled, Lost.
        """
        total = max(self.progress[1], 1)
        values = {"done": total, "total": total, "wanted": {}, "cursor": None, "problems": [], "note": ""}
        mine = self._mine().filter(is_cancel_wanted=False)
        if mine.update(**values, state=State.DONE, page=page, ended_at=timezone.now(), beat_at=None):
            tell_end(self.id)
            return
        raise Canceled if self._mine().exists() else Lost

    def beat(self) -> None:
        """Say that it lives and how far it is, and hear whether it is wanted still."""
        done, total, note = self.progress
        self._mine().update(beat_at=timezone.now(), done=done, total=total, note=note)
        self.is_cancel_wanted = self._mine().filter(is_cancel_wanted=True).exists()

    def end(self, state: str, problems: Sequence[dict[str, str]] = ()) -> None:
        """Note that it failed or was canceled; what it had made of its file goes."""
        with transaction.atomic():
            values = {"state": state, "problems": list(problems), "ended_at": timezone.now(), "beat_at": None}
            if self._mine().update(**values):
                JobPart.objects.filter(job_id=self.id).delete()
                tell_end(self.id)

    def give_back(self) -> None:
        """Let whoever is next go on from the cursor."""
        with transaction.atomic():
            if self._mine().update(beat_at=None):
                announce(Job(pk=self.id))

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.id, run=self._run, state=State.RUNNING)


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
