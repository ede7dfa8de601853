"""Jobs: long work that somebody asked for, how far it is, and the file that it made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Self

from django.db import models

from apim.accounts.models import User, Viewer
from apim.accounts.permissions import is_admin
from apim.audit.actor import LONGEST_LABEL
from apim.fields import IDField

SILENT_AFTER: Final = timedelta(seconds=30)  # a worker says each second that it lives


def silent(now: datetime) -> models.Q:
    """The jobs that no worker is at: given back, or its worker is dead."""
    return models.Q(beat_at=None) | models.Q(beat_at__lt=now - SILENT_AFTER)


class JobQuerySet(models.QuerySet["Job"]):
    """Jobs as people may see them."""

    def visible_to(self, user: Viewer) -> Self:
        """All for admins, else what one asked for oneself."""
        return self.all() if is_admin(user) else self.asked_by(user)

    def asked_by(self, user: Viewer) -> Self:
        """What the person asked for: nobody else may do it again or have its file."""
        return self.filter(asked_by=user.pk) if user.is_authenticated else self.none()

    def unfinished(self) -> Self:
        """Those that have not ended."""
        return self.filter(state__in=Job.OPEN)


class Job(models.Model):
    """One piece of long work.

    Shapes: wanted = what its kind was asked for; cursor = how far it is, as its kind notes it, None = not begun; note
    = the step it is at, in English, a text that its kind marked for translation; problems = [{"code", "message",
    "hint", "field"}]. subject names what it is about: of a kind and subject there is one open job. run counts the
    takes: who has taken an older one writes nothing any more. attempts = takes since it last got on. beat_at = when a
    worker last said that it lives, None = nobody has it. page = where its result is looked at. asked_by is None for
    what a token or the product itself asked for.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELED = "canceled"

    OPEN = (State.WAITING, State.RUNNING)

    id = IDField("job")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    wanted = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    cursor: Any = models.JSONField(null=True, blank=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)  # 0 = nobody knows
    note = models.CharField(max_length=200, blank=True)
    is_cancel_wanted = models.BooleanField(default=False)
    run = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    page = models.CharField(max_length=300, blank=True)
    problems = models.JSONField(default=list, blank=True)
    file_name = models.CharField(max_length=100, blank=True)  # "" = it makes none
    file_type = models.CharField(max_length=60, blank=True)
    asked_by = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="jobs")
    actor_kind = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=32, blank=True)
    actor_label = models.CharField(max_length=LONGEST_LABEL)
    language = models.CharField(max_length=16, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "subject"),
                condition=models.Q(state__in=("waiting", "running")),
                name="one_open_job_a_subject",
            ),
        )
        indexes = (
            models.Index(fields=("asked_by", "id"), name="jobs_of_a_person"),
            models.Index(fields=("asked_at",), condition=models.Q(state__in=("waiting", "running")), name="open_jobs"),
            models.Index(fields=("ended_at",), name="jobs_that_ended"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """True until it has ended."""
        return self.state in self.OPEN

    @property
    def stage(self) -> str:
        """Its state as people see it: `canceling` while a worker is still at what nobody wants any more."""
        return "canceling" if self.state == self.State.RUNNING and self.is_cancel_wanted else str(self.state)

    @property
    def percent(self) -> int | None:
        """How far; None while nobody knows."""
        return min(100, 100 * self.done // self.total) if self.total else None


class JobPart(models.Model):
    """A piece of the file that a job made. Shapes: data is compressed by zlib, so that a long log takes little."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    data = models.BinaryField()
    bytes = models.PositiveIntegerField()  # of the text

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("job", "number"), name="one_job_part_a_number"),)

    def __str__(self) -> str:
        return f"part {self.number} of {self.job_id}"
