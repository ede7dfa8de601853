"""Reading what was published: for the pages of objects, of gateways and of the history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from apim.gateways.models import Environment, Worker
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.problems import Problem, Where
from gateway_sync.snapshot import API, Route, SnapshotInvalid, Version, decode

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


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One readable difference: subject such as `bank v1 GET /accounts`, action added, removed or changed."""

    subject: str
    action: str
    detail: str = ""


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


def compare(older: Publication, newer: Publication) -> tuple[Change, ...]:
    """What newer changed, in words; a publication whose fragments are forgotten, or of an older format, is empty."""
    before, after = _subjects(older), _subjects(newer)
    changes = [Change(subject, "removed") for subject in before.keys() - after.keys()]
    changes += [Change(subject, "added") for subject in after.keys() - before.keys()]
    for subject in before.keys() & after.keys():
        if detail := _difference(before[subject], after[subject]):
            changes.append(Change(subject, "changed", detail))
    return tuple(sorted(changes))


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


def _subjects(publication: Publication) -> dict[str, Mapping[str, object]]:
    """Each thing with a name in the snapshot, as its plain fields without what is a subject of its own."""
    digests: dict[str, str] = publication.manifest["fragments"]
    bodies = dict(Fragment.objects.filter(digest__in=digests.values()).values_list("digest", "body"))
    try:
        snapshot = decode({name: bodies[digest] for name, digest in digests.items() if digest in bodies})
    except SnapshotInvalid:
        return {}
    subjects: dict[str, Mapping[str, object]] = {
        f"environment {snapshot.environment.name}": asdict(snapshot.environment)
    }
    subjects |= {f"product {product.name}": asdict(product) for product in snapshot.products.products}
    subjects |= {f"plan {plan.name} version {plan.number}": asdict(plan) for plan in snapshot.products.plans}
    for api in snapshot.apis:
        subjects |= _subjects_of_api(api)
    return subjects


def _subjects_of_api(api: API) -> dict[str, Mapping[str, object]]:
    subjects: dict[str, Mapping[str, object]] = {f"API {api.name}": {"key header": api.key_header}}
    for version in api.versions:
        subjects[f"API {api.name} {version.name}"] = _plain_version(version)
        subjects |= {f"API {api.name} {version.name} {route.id}": _plain_route(route) for route in version.routes}
    return subjects


def _plain_version(version: Version) -> dict[str, object]:
    fields = asdict(version)
    del fields["routes"]
    return fields


def _plain_route(route: Route) -> dict[str, object]:
    return {"products": list(route.products)}


def _difference(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """`timeout_ms: 30000 -> 5000; ...` of the fields that differ."""
    return "; ".join(
        f"{name}: {json.dumps(before.get(name))} -> {json.dumps(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
