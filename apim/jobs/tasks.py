"""Jobs in the background, and by the clock those that a dead worker or broker left."""

from __future__ import annotations

from celery import shared_task

from apim.jobs import working
from apim.jobs.announcing import RUN_TASK


@shared_task(name=RUN_TASK)
def run(job_id: str) -> None:
    """Work on one job for some seconds."""
    working.run(job_id)


@shared_task(name="apim.jobs.tasks.tend")
def tend() -> int:
    """Send for workers where they are missing; how many jobs waited."""
    return working.tend()
