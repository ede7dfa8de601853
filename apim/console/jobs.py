"""Long work of every kind as one list: what it is, how far, since when, where it is looked at and cancelled.

Stored jobs (apim.jobs), and work that has rows of its own, each with a page of its own, are shown alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy

from apim.accounts.models import User
from apim.accounts.permissions import is_admin
from apim.announcements.models import Announcement
from apim.audit.labels import label_words
from apim.billing.models import MigrationMember, PlanMigration, Rehearsal, RehearsalStep
from apim.console.rehearsed import step_title
from apim.console.scope import owned_organizations
from apim.demo.services import demo_state
from apim.jobs.kinds import job_kind, job_kinds
from apim.jobs.models import Job
from apim.ui.said import said

A_PAGE: Final = 25
RUNNING_SHOWN: Final = 100  # of each kind
STATES: Final = (
    ("done", gettext_lazy("Done")),
    ("failed", gettext_lazy("Failed")),
    ("canceled", gettext_lazy("Canceled")),
)
_OWN_ROWS: Final = (
    ("rehearsal", gettext_lazy("Rehearsal")),
    ("migration", gettext_lazy("Move of subscribers")),
    ("announcement", gettext_lazy("Announcement")),
)


@dataclass(frozen=True, slots=True)
class JobLine:
    """Work that takes a while.

    Shapes: state is waiting, running, canceling, done, failed or canceled; done of total units, total 0 = not known;
    page is where it is looked at, cancel where it is ended, "" = it cannot be, by a page that asks first when is_asked,
    else by a form; error says in words why it failed.
    """

    kind: str
    title: str
    state: str
    done: int
    total: int
    started_by: str
    started_at: datetime
    page: str
    cancel: str = ""
    error: str = ""
    is_asked: bool = False

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self.state in {"waiting", "running", "canceling"}

    @property
    def percent(self) -> int | None:
        """How far; None while nobody knows."""
        return min(100, 100 * self.done // self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which work: of a kind and in a state, "" = any; before = begun before it, for the pages that follow."""

    kind: str = ""
    state: str = ""
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobList:
    """What runs, and a page of what has ended, the newest first. Shapes: next_before None = there is no more."""

    running: list[JobLine]
    ended: list[JobLine]
    next_before: datetime | None

    @property
    def lines(self) -> list[JobLine]:
        """All of it, the running ones first."""
        return [*self.running, *self.ended]


def kinds_of_work() -> list[tuple[str, str]]:
    """The name and the title of each kind, by title."""
    stored = [(kind.name, str(kind.title)) for kind in job_kinds()]
    return sorted([*stored, *((name, str(title)) for name, title in _OWN_ROWS)], key=lambda each: each[1])


def jobs(user: User | None = None, wanted: Wanted = Wanted()) -> JobList:
    """The work that fits: what runs on the first page alone. A fixed number of queries.

    Shapes: user None sees all of it, as admins do; others see what they asked for and what belongs to their
    organizations.
    """
    is_for_all = user is None or is_admin(user)
    seen = None if is_for_all else user
    running: list[JobLine] = []
    ended: list[JobLine] = []
    for source in (_stored, _rehearsals, _migrations, _announcements):
        if wanted.before is None and wanted.state in {"", "running"}:
            running += source(seen, wanted, is_over=False)
        if wanted.state != "running":
            ended += source(seen, wanted, is_over=True)
    if is_for_all and wanted == Wanted():
        running += _removal_of_demo()
    running.sort(key=lambda job: job.started_at, reverse=True)
    ended.sort(key=lambda job: job.started_at, reverse=True)
    last = ended[A_PAGE - 1].started_at if len(ended) > A_PAGE else None
    return JobList(running, ended[:A_PAGE], last)


def line_of(job: Job) -> JobLine:
    """A stored job as a line."""
    kind = job_kind(job.kind)
    return JobLine(
        str(kind.title) if kind else job.kind,
        said(job.title),
        job.stage,
        job.done,
        job.total,
        job.actor_label,
        job.asked_at,
        reverse("console:job", args=[job.pk]),
        reverse("console:job-cancel", args=[job.pk]) if job.is_open and not job.is_cancel_wanted else "",
        error=said(job.problems[0]["message"]) if job.problems else "",
    )


def _narrowed(rows: QuerySet[Any], wanted: Wanted, states: Q, *, is_over: bool, at: str) -> QuerySet[Any]:
    """The rows to show. Shapes: states = which of them have ended; at = the field that says when they began."""
    if not is_over:
        return rows.exclude(states).order_by(f"-{at}")[:RUNNING_SHOWN]
    if wanted.before is not None:
        rows = rows.filter(**{f"{at}__lt": wanted.before})
    return rows.filter(states).order_by(f"-{at}")[: A_PAGE + 1]


def _stored(user: User | None, wanted: Wanted, *, is_over: bool) -> Iterable[JobLine]:
    if wanted.kind in dict(_OWN_ROWS):
        return
    rows = Job.objects.visible_to(user) if user else Job.objects.all()
    rows = rows.filter(kind=wanted.kind) if wanted.kind else rows
    rows = rows.filter(state=wanted.state) if is_over and wanted.state else rows
    rows = rows.defer("wanted", "cursor")  # a whole document, maybe
    for job in _narrowed(rows, wanted, ~Q(state__in=Job.OPEN), is_over=is_over, at="asked_at"):
        yield line_of(job)


def _rehearsals(user: User | None, wanted: Wanted, *, is_over: bool) -> Iterable[JobLine]:
    if wanted.kind not in {"", "rehearsal"}:
        return
    settled = Q(steps__state__in=(RehearsalStep.State.DONE, RehearsalStep.State.FAILED, RehearsalStep.State.SKIPPED))
    rows = Rehearsal.objects.visible_to(user) if user else Rehearsal.objects.all()
    rows = rows.select_related("plan").annotate(settled=Count("steps", filter=settled), all_steps=Count("steps"))
    failed = RehearsalStep.objects.filter(rehearsal=OuterRef("pk"), state=RehearsalStep.State.FAILED)
    rows = rows.annotate(failed_step=Subquery(failed.order_by("number").values("name")[:1]))
    rows = rows.filter(state=wanted.state) if is_over and wanted.state else rows
    for row in _narrowed(rows, wanted, ~Q(state__in=Rehearsal.RUNNING), is_over=is_over, at="created_at"):
        yield JobLine(
            gettext("Rehearsal"),
            str(row.plan),
            str(row.state),
            row.settled,
            row.all_steps,
            row.requested_by,
            row.created_at,
            reverse("console:rehearsal", args=[row.pk]),
            reverse("console:rehearsal-cancel", args=[row.pk]) if row.is_running else "",
            error=_failed_at(row.failed_step) if row.failed_step else "",
        )


def _failed_at(step: str) -> str:
    return gettext("It failed at the step %(step)s.") % {"step": step_title(step)}


def _migrations(user: User | None, wanted: Wanted, *, is_over: bool) -> Iterable[JobLine]:
    if wanted.kind not in {"", "migration"} or wanted.state == "failed":
        return
    is_open = Q(members__state__in=MigrationMember.OPEN)
    is_undone = Q(members__state=MigrationMember.State.UNDONE)
    rows = PlanMigration.objects.all()
    if user:
        rows = rows.filter(version__plan__organization__in=owned_organizations(user))
    rows = rows.select_related("version__plan").annotate(
        waiting=Count("members", filter=is_open), undone=Count("members", filter=is_undone), everybody=Count("members")
    )
    is_canceled = Q(everybody__gt=0, undone=F("everybody"))
    if is_over and wanted.state:
        rows = rows.filter(is_canceled) if wanted.state == "canceled" else rows.exclude(is_canceled)
    for row in _narrowed(rows, wanted, Q(waiting=0), is_over=is_over, at="created_at"):
        ended = "canceled" if row.everybody and row.undone == row.everybody else "done"
        plan = row.version.plan
        yield JobLine(
            gettext("Move of subscribers"),
            label_words(str(row.version), "planversion"),
            "running" if row.waiting else ended,
            row.everybody - row.waiting,
            row.everybody,
            row.created_by,
            row.created_at,
            reverse("console:plan-migrate", args=[plan.name]),
            reverse("console:migration-undo", args=[plan.name, row.pk]) if row.waiting else "",
        )


def _announcements(user: User | None, wanted: Wanted, *, is_over: bool) -> Iterable[JobLine]:
    if wanted.kind not in {"", "announcement"} or wanted.state == "failed":
        return
    is_told = Q(receipts__told_at__isnull=False)
    rows = Announcement.objects.visible_to(user) if user else Announcement.objects.all()
    rows = rows.exclude(state=Announcement.State.DRAFT).annotate(
        told=Count("receipts", filter=is_told), everybody=Count("receipts"), at=Coalesce("sent_at", "created_at")
    )
    if is_over and wanted.state:
        state = Announcement.State.STOPPED if wanted.state == "canceled" else Announcement.State.SENT
        rows = rows.filter(state=state)
    for row in _narrowed(rows, wanted, ~Q(state=Announcement.State.SENDING), is_over=is_over, at="at"):
        is_sending, is_stopped = row.state == Announcement.State.SENDING, row.state == Announcement.State.STOPPED
        yield JobLine(
            gettext("Announcement"),
            row.subject,
            "running" if is_sending else "canceled" if is_stopped else "done",
            row.told,
            row.everybody,
            row.created_by,
            row.at,
            reverse("console:announcement", args=[row.pk]),
            reverse("console:announcement-stop", args=[row.pk]) if is_sending else "",
            is_asked=True,
        )


def _removal_of_demo() -> Iterable[JobLine]:
    state = demo_state()
    if state.state == "removing" and state.started_at is not None:
        title, page = gettext("Its history is taken away"), reverse("console:admin-demo")
        yield JobLine(gettext("Demo"), title, "running", 0, 0, state.started_by, state.started_at, page)
