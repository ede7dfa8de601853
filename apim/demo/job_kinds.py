"""The demo's made history, as a job: it takes a minute, and can be cancelled where it stands."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.demo import history
from apim.demo.models import Demo
from apim.jobs.kinds import JobKind, declare
from apim.jobs.models import Job
from apim.jobs.services import ask
from apim.jobs.work import Canceled, Work

HISTORY: Final = "demo-history"
PAGE: Final = "/console/admin/demo"
_TITLE: Final = gettext_noop("Living demo")
_MAKING: Final = gettext_noop("Fourteen days are made backwards, some hours at a time.")
_ALL: Final = 100


def ask_for_history(*, by: Actor) -> None:
    """A job makes what is missing of the history, if none does already."""
    demo = Demo.objects.get()
    if history.is_complete(demo) or Job.objects.filter(kind=HISTORY).unfinished().exists():
        return
    user = User.objects.filter(pk=by.id).first() if by.kind == "user" else None
    ask(kind=HISTORY, subject="", title=_TITLE, wanted={}, by=by, user=user, page=PAGE)


def _make(work: Work) -> None:
    while True:
        with transaction.atomic():
            history.make_step()
            demo = Demo.objects.first()
            if demo is None or not demo.is_on:
                raise Canceled  # switched off or removed: what is made stays with the demo
            work.report(history.percent_made(demo), _ALL, _MAKING)
            work.keep({})
            if history.is_complete(demo):
                work.finish(PAGE)
                return
        if work.is_slice_over:
            return


declare(JobKind(HISTORY, _("History of the demo"), _make))
