"""Reading what was published: for the pages of objects, of gateways and of the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from apim.gateways.models import Environment, Worker
from gateway_sync.delivery.models import Publication
from gateway_sync.problems import Problem, Where

_ABSENT_AFTER_S = 10  # gateways report every 2 s


@dataclass(frozen=True, slots=True)
class WorkerState:
    """How near one worker is to what is wanted.

    Shapes: is_current = it runs the state in force and has every access record; is_absent = it stopped reporting.
    Units: report_age_s since its last report; access_lag in records.
    """

    worker: Worker
    is_current: bool
    is_absent: bool
    report_age_s: float
    access_lag: int


@dataclass(frozen=True, slots=True)
class Convergence:
    """An environment, what was published last, and how far each worker is."""

    environment: Environment
    publication: Publication | None
    workers: tuple[WorkerState, ...]

    @property
    def is_reached(self) -> bool:
        """True when nothing waits and every worker that reports is current."""
        present = [state for state in self.workers if not state.is_absent]
        return (
            bool(present) and not self.environment.is_waiting_to_publish and all(state.is_current for state in present)
        )


def latest_publication(environment: Environment) -> Publication | None:
    """What is in force."""
    return Publication.objects.filter(environment=environment).first()


def history(environment: Environment) -> QuerySet[Publication]:
    """What was published, newest first."""
    return Publication.objects.filter(environment=environment)


def problems_in(publication: Publication) -> tuple[Problem, ...]:
    """All that was wrong when it was compiled."""
    return tuple(
        Problem(
            code=stored["code"],
            message=stored["message"],
            where=Where(stored["where_kind"], stored["where_id"], stored["where_field"]),
            hint=stored["hint"],
        )
        for stored in publication.problems
    )


def problems_of(kind: str, object_id: str) -> tuple[Problem, ...]:
    """What is wrong with an object now, in any environment; kind as in Where."""
    found: set[Problem] = set()
    for environment in Environment.objects.all():
        if publication := latest_publication(environment):
            found.update(problem for problem in problems_in(publication) if _is_about(problem, kind, object_id))
    return tuple(sorted(found))


def convergence(environment: Environment) -> Convergence:
    """How far every worker of the environment is, by gateway and slot."""
    publication = latest_publication(environment)
    digest = publication.digest if publication else ""
    now = timezone.now()
    workers = Worker.objects.filter(gateway__environment=environment).select_related("gateway")
    return Convergence(
        environment,
        publication,
        tuple(
            _worker_state(worker, digest, environment.access_seq, now)
            for worker in workers.order_by("gateway__name", "slot")
        ),
    )


def _is_about(problem: Problem, kind: str, object_id: str) -> bool:
    return (problem.where.kind, problem.where.id) == (kind, object_id)


def _worker_state(worker: Worker, digest: str, access_seq: int, now: datetime) -> WorkerState:
    age_s = max(0.0, (now - worker.seen_at).total_seconds())
    lag = max(0, access_seq - worker.access_seq)
    return WorkerState(
        worker=worker,
        is_current=worker.digest == digest and lag == 0,
        is_absent=age_s > _ABSENT_AFTER_S,
        report_age_s=age_s,
        access_lag=lag,
    )
