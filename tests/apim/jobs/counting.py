"""A kind of job for workers of their own process: five parts, the third of which the first worker never ends."""

from __future__ import annotations

import time

from django.db import transaction

from apim.jobs.kinds import JobKind, declare
from apim.jobs.models import Job
from apim.jobs.work import Work

LAST = 5
STUCK_AT = 3


def count(work: Work) -> None:
    """A line a step; the third is written and not committed when the first worker stops getting on."""
    for step in range((work.cursor or 0) + 1, LAST + 1):
        with transaction.atomic():
            work.write(f"{step}\n")
            work.report(step, LAST)
            work.keep(step)
            if step == STUCK_AT and Job.objects.get(pk=work.id).run == 1:
                time.sleep(600)
            if step == LAST:
                work.finish()


declare(JobKind("count", "Count", count))
