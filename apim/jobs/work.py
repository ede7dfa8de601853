"""Work: a job in the hands of its worker.

Whatever a worker writes for a job names the run that it took, in the transaction of the work itself: who was taken for
dead, and comes back, changes nothing any more.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.errors import Forbidden, Invalid
from apim.jobs.announcing import announce
from apim.jobs.models import Job, JobPart
from apim.jobs.telling import tell_end

SLICE_S: Final = 6.0  # then others have their turn
MOST_FILE_BYTES: Final = 1 << 30
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
