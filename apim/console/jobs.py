"""Long work of every kind as one list: what it is, how far, since when, where it is looked at and cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.models import User
from apim.accounts.permissions import is_admin
from apim.announcements.models import Announcement
from apim.billing.models import MigrationMember, PlanMigration, Rehearsal, RehearsalStep
from apim.console.scope import owned_organizations
from apim.demo.services import demo_state

SHOWN: Final = 25  # of each kind, the newest
_ALL: Final = 100
_STATE_OF_SENDING: Final[dict[str, str]] = {
    Announcement.State.SENDING: "running",
    Announcement.State.STOPPED: "canceled",
}


@dataclass(frozen=True, slots=True)
class Job:
    """Work that takes a while.

    Shapes: state is waiting, running, done, failed or canceled; done of total units, total 0 = not known; page is where
    it is looked at, cancel where it is ended, "" = it cannot be, by a page that asks first when is_asked, else by a
    form; error says in words why it failed.
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
        return self.state in {"waiting", "running"}

    @property
    def percent(self) -> int | None:
        """How far; None while nobody knows."""
        return min(100, 100 * self.done // self.total) if self.total else None


def jobs(user: User | None = None) -> list[Job]:
    """What runs, and what ran lately: the running ones first, then the newest. A fixed number of queries.

    Shapes: user None sees all of it, as admins do; others see what belongs to their organizations.
    """
    is_for_all = user is None or is_admin(user)
    seen = None if is_for_all else user
    found = [*_rehearsals(seen), *_migrations(seen), *_announcements(seen), *(_demo() if is_for_all else ())]
    found.sort(key=lambda job: job.started_at, reverse=True)
    return sorted(found, key=lambda job: not job.is_running)


def _rehearsals(user: User | None) -> Iterable[Job]:
    settled = Q(steps__state__in=(RehearsalStep.State.DONE, RehearsalStep.State.FAILED, RehearsalStep.State.SKIPPED))
    rows = Rehearsal.objects.visible_to(user) if user else Rehearsal.objects.all()
    rows = rows.select_related("plan").annotate(settled=Count("steps", filter=settled), all_steps=Count("steps"))
    failed = RehearsalStep.objects.filter(rehearsal=OuterRef("pk"), state=RehearsalStep.State.FAILED)
    for row in rows.annotate(failed_step=Subquery(failed.order_by("number").values("name")[:1])).order_by(
        "-created_at"
    )[:SHOWN]:
        yield Job(
            gettext("Rehearsal"),
            str(row.plan),
            str(row.state),
            row.settled,
            row.all_steps,
            row.requested_by,
            row.created_at,
            reverse("console:rehearsal", args=[row.pk]),
            reverse("console:rehearsal-cancel", args=[row.pk]) if row.is_running else "",
            error=gettext("It failed at the step %(step)s.") % {"step": row.failed_step} if row.failed_step else "",
        )


def _migrations(user: User | None) -> Iterable[Job]:
    is_open = Q(members__state__in=MigrationMember.OPEN)
    is_undone = Q(members__state=MigrationMember.State.UNDONE)
    rows = PlanMigration.objects.all()
    if user:
        rows = rows.filter(version__plan__organization__in=owned_organizations(user))
    rows = rows.select_related("version__plan").annotate(
        waiting=Count("members", filter=is_open), undone=Count("members", filter=is_undone), everybody=Count("members")
    )
    for row in rows.order_by("-created_at")[:SHOWN]:
        ended = "canceled" if row.everybody and row.undone == row.everybody else "done"
        plan = row.version.plan
        yield Job(
            gettext("Move of subscribers"),
            str(row.version),
            "running" if row.waiting else ended,
            row.everybody - row.waiting,
            row.everybody,
            row.created_by,
            row.created_at,
            reverse("console:plan-migrate", args=[plan.name]),
            reverse("console:migration-undo", args=[plan.name, row.pk]) if row.waiting else "",
        )


def _announcements(user: User | None) -> Iterable[Job]:
    is_told = Q(receipts__told_at__isnull=False)
    rows = Announcement.objects.visible_to(user) if user else Announcement.objects.all()
    rows = rows.exclude(state=Announcement.State.DRAFT).annotate(
        told=Count("receipts", filter=is_told), everybody=Count("receipts")
    )
    for row in rows.order_by("-id")[:SHOWN]:
        yield Job(
            gettext("Announcement"),
            row.subject,
            _STATE_OF_SENDING.get(row.state, "done"),
            row.told,
            row.everybody,
            row.created_by,
            row.sent_at or row.created_at,
            reverse("console:announcement", args=[row.pk]),
            reverse("console:announcement-stop", args=[row.pk]) if row.state == Announcement.State.SENDING else "",
            is_asked=True,
        )


def _demo() -> Iterable[Job]:
    state = demo_state()
    if not state.is_there or state.started_at is None:
        return
    is_making = state.history_percent < _ALL or state.state == "removing"
    yield Job(
        gettext("Demo"),
        gettext("Its history is taken away") if state.state == "removing" else gettext("Its history is made"),
        "running" if is_making else "done",
        state.history_percent,
        _ALL,
        state.started_by,
        state.started_at,
        reverse("console:admin-demo"),
    )
