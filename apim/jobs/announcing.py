"""Sending for a worker: a hint by the broker. What it loses, the clock finds."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from apim import broker
from apim.jobs.models import Job

RUN_TASK: Final = "apim.jobs.tasks.run"


def announce(job: Job) -> None:
    """Tell workers of the job once it is committed."""
    transaction.on_commit(lambda: broker.announce(RUN_TASK, (job.pk,)))
