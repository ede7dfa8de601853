"""Writes of jobs: asked for, cancelled, done again; and their files, read.

Owns: who may have how many. Must not know: what jobs do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import get_language, gettext

from apim.accounts.models import User
from apim.accounts.permissions import is_admin
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.errors import Conflict, Forbidden
from apim.jobs.announcing import announce
from apim.jobs.kinds import job_kind
from apim.jobs.models import Job, JobPart, silent
from apim.ui.said import said

OPEN_AT_MOST: Final = 10  # of a person
State = Job.State


@transaction.atomic
def ask(
    *,
    kind: str,
    subject: str,
    title: str,
    wanted: Mapping[str, Any],
    by: Actor,
    user: User | None = None,
    page: str = "",
    file: tuple[str, str] = ("", ""),
) -> Job:
    """The job, which a worker takes up at once, or within seconds when the broker is away.

    Shapes: title = a name, or a text marked by gettext_noop; page = where somebody looks who wants to ask otherwise;
    file = name and media type of the file it makes; user None = asked for by a token or by the product itself.
    Errors: Conflict jobs.running when there is an open one about the same, jobs.too_many.
    """
    if user is not None and Job.objects.asked_by(user).unfinished().count() >= OPEN_AT_MOST:
        text = gettext("%(count)d jobs of yours are not over yet.") % {"count": OPEN_AT_MOST}
        raise Conflict("jobs.too_many", text, hint=gettext("Wait for one to end, or cancel one."))
    job = Job(
        kind=kind, subject=subject, title=title[:200], wanted=wanted, page=page, file_name=file[0], file_type=file[1],
        asked_by=user, actor_kind=by.kind, actor_id=by.id, actor_label=by.label, language=get_language() or "",
    )  # fmt: skip
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError as error:
        text = gettext("%(title)s: the same is being done already.") % {"title": said(title)}
        raise Conflict("jobs.running", text, hint=gettext("Look at the list of jobs.")) from error
    record(by=by, action="job.ask", target=job, after={"kind": kind})
    announce(job)
    return job


@transaction.atomic
def cancel(*, job: Job, by: Actor) -> Job:
    """The job, canceled; or, while a worker is at it, soon to be: what it has not finished then never happened.

    Errors: Conflict jobs.ended.
    """
    now = timezone.now()
    rows = Job.objects.filter(pk=job.pk)
    nobody_at_it = Q(state=State.WAITING) | (Q(state=State.RUNNING) & silent(now))
    ended = rows.filter(nobody_at_it).update(state=State.CANCELED, is_cancel_wanted=True, ended_at=now)
    if ended:
        JobPart.objects.filter(job=job).delete()
    elif not rows.filter(state=State.RUNNING).update(is_cancel_wanted=True):
        raise Conflict("jobs.ended", gettext("It has ended: there is nothing left to cancel."))
    job.refresh_from_db()
    record(by=by, action="job.cancel", target=job)
    return job


def retry(*, job: Job, by: Actor, user: User) -> Job:
    """A new job that does the same, for who may have it done again.

    Errors: Forbidden jobs.of_another; Conflict jobs.not_repeatable, and those of ask.
    """
    if not may_retry(job, user):
        text = gettext("%(who)s asked for this, and only they can have it done again.") % {"who": job.actor_label}
        raise Forbidden("jobs.of_another", text, hint=gettext("Ask for the same yourself, on the page it is about."))
    kind = job_kind(job.kind)
    if kind is None or not kind.is_repeatable or job.state not in {State.FAILED, State.CANCELED}:
        raise Conflict("jobs.not_repeatable", gettext("This cannot be done again from here."))
    return ask(
        kind=job.kind, subject=job.subject, title=job.title, wanted=job.wanted, by=by, user=user, page=job.page,
        file=(job.file_name, job.file_type),
    )  # fmt: skip


def may_retry(job: Job, user: User) -> bool:
    """True for who asked; for admins also where a token or the product itself did, who cannot ask again."""
    return job.asked_by_id == user.pk if job.asked_by_id is not None else is_admin(user)


def file_bytes(job: Job) -> int:
    """How long the job's file is."""
    return JobPart.objects.filter(job=job).aggregate(size=Sum("bytes"))["size"] or 0


def file_chunks(job: Job) -> Iterator[bytes]:
    """The job's file, piece by piece and not by a cursor: no transaction stays open while somebody downloads slowly."""
    number = 0
    while (data := JobPart.objects.filter(job=job, number=number).values_list("data", flat=True).first()) is not None:
        yield zlib.decompress(bytes(data))
        number += 1
