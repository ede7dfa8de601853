"""Long work of every kind as one list: what it is, how far, since when, where it is looked at and cancelled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext

from apim.announcements.models import Announcement
from apim.billing.models import MigrationMember, PlanMigration, Rehearsal, RehearsalStep
from apim.demo.services import demo_state

SHOWN: Final = 25  # of each kind, the newest
_ALL: Final = 100


@dataclass(frozen=True, slots=True)
class Job:
    """Work that takes a while.

    Shapes: state is waiting, running, done, failed or canceled; done of total units, total 0 = not known; page is where
    it is looked at, cancel where it is ended, "" = it cannot be.
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

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self.state in {"waiting", "running"}

    @property
    def percent(self) -> int | None:
        """How far; None while nobody knows."""
        return min(100, 100 * self.done // self.total) if self.total else None


def jobs() -> list[Job]:
    """What runs, and what ran lately: the running ones first, then the newest. A fixed number of queries."""
    found = [*_rehearsals(), *_migrations(), *_announcements(), *_demo()]
    found.sort(key=lambda job: job.started_at, reverse=True)
    return sorted(found, key=lambda job: not job.is_running)


def _rehearsals() -> Iterable[Job]:
    settled = Q(steps__state__in=(RehearsalStep.State.DONE, RehearsalStep.State.FAILED, RehearsalStep.State.SKIPPED))
    rows = Rehearsal.objects.select_related("plan").annotate(
        settled=Count("steps", filter=settled), all_steps=Count("steps")
    )
    for row in rows.order_by("-created_at")[:SHOWN]:
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
        )


def _migrations() -> Iterable[Job]:
    is_open = Q(members__state__in=MigrationMember.OPEN)
    is_undone = Q(members__state=MigrationMember.State.UNDONE)
    rows = PlanMigration.objects.select_related("version__plan").annotate(
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


def _announcements() -> Iterable[Job]:
    is_told = Q(receipts__told_at__isnull=False)
    rows = Announcement.objects.exclude(state=Announcement.State.DRAFT).annotate(
        told=Count("receipts", filter=is_told), everybody=Count("receipts")
    )
    for row in rows.order_by("-id")[:SHOWN]:
        yield Job(
            gettext("Announcement"),
            row.subject,
            "running" if row.state == Announcement.State.SENDING else "done",
            row.told,
            row.everybody,
            row.created_by,
            row.sent_at or row.created_at,
            reverse("console:announcement", args=[row.pk]),
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
