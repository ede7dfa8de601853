"""Trials: a publication goes to canaries first, and to all when they do well; else the state before comes back.

Owns: when a trial begins, how it is judged, and its end. What canaries serve during a trial is decided by `sync`, which
sends it to them alone. While one is on, later changes wait. The state before comes back as a rollback does: as a higher
revision, at which the environment is held, with the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy

from apim.accounts.models import User
from apim.audit.actor import system_actor
from apim.catalog.models import APIVersion
from apim.errors import DomainError
from apim.gateways.models import Environment, Gateway, Worker
from apim.notifications.notices import tell
from gateway_sync.delivery.groups import digest_for
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.delivery.pinning import roll_back
from gateway_sync.snapshot import api_fragment

logger = logging.getLogger(__name__)

BY: Final = system_actor("trial")
HEARD_WITHIN: Final = timedelta(seconds=30)
WORSE_BY: Final = 0.01  # of the calls, more than the others answer with 5xx
ENOUGH_CALLS: Final = 100  # of the canaries, before their share of 5xx says anything
_REFUSALS: Final = "generation."

Counts = tuple[int, int]  # calls, and those answered with 5xx


@dataclass(frozen=True, slots=True)
class Calls:
    """Shapes: before and now are of canaries, until the trial began and since; others = of other gateways since."""

    before: Counts
    now: Counts
    others: Counts


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a trial stands. Shapes: fault "" = nothing speaks against it; is_over = it has served long enough."""

    fault: str
    is_over: bool


def judge(workers: Sequence[Worker], digests: Mapping[str, str], calls: Calls, *, is_time_up: bool) -> Verdict:
    """How a trial does, by what the workers of canaries say and by calls.

    Shapes: digests maps gateways to the state they are to serve.
    """
    for worker in workers:
        for problem in worker.problems:
            if str(problem.get("code", "")).startswith(_REFUSALS):
                return Verdict(f"{worker.gateway} refused it: {problem.get('message', '')}", is_over=True)
    usual = _share(calls.others) if calls.others[0] >= ENOUGH_CALLS else _share(calls.before)
    if calls.now[0] >= ENOUGH_CALLS and _share(calls.now) > usual + WORSE_BY:
        told = f"{calls.now[1]} of {calls.now[0]} calls were answered with 5xx, where {usual:.1%} is usual"
        return Verdict(told, is_over=True)
    if is_time_up and not all(worker.digest == digests.get(worker.gateway_id) for worker in workers):
        return Verdict("not every worker of the canaries took it over in time", is_over=True)
    return Verdict("", is_over=is_time_up)


def stage_of(environment: Environment, *, is_chosen: bool) -> dict[str, Any]:
    """The fields of a new publication: on trial when the environment wants one and there is somebody to compare with.

    Shapes: is_chosen = people went back or released it, which goes to all at once.
    """
    if is_chosen or not environment.trial_s:
        return {}
    heard = timezone.now() - HEARD_WITHIN
    serving = environment.gateways.filter(seen_at__gt=heard).exclude(state=Gateway.State.QUARANTINED)
    kinds = set(serving.values_list("is_canary", flat=True))
    if kinds != {True, False}:
        return {}
    return {
        "stage": Publication.Stage.TRIAL,
        "trial_until": timezone.now() + timedelta(seconds=environment.trial_s),
        "trial_baseline": _counts_by_gateway(environment),
    }


def is_on_trial(environment_id: str) -> bool:
    """True while canaries serve what others do not yet."""
    return _trials().filter(environment_id=environment_id).exists()


def serves_blocked(environment_id: str) -> bool:
    """True while some gateway is sent a version that was blocked since: what withdraws it waits for no trial."""
    blocked = APIVersion.objects.filter(state=APIVersion.State.BLOCKED, deployments__environment=environment_id)
    ids = list(blocked.values_list("pk", flat=True))
    if not ids:
        return False
    sent = Publication.objects.filter(environment_id=environment_id).exclude(stage=Publication.Stage.ENDED)
    manifests = sent.values_list("manifest", flat=True)[:2]  # the one on trial, and the one before
    digests = {
        digest for each in manifests for name, digest in each["fragments"].items() if name.startswith(api_fragment(""))
    }
    named = reduce(or_, (Q(body__contains=f'"{pk}"') for pk in ids))
    return Fragment.objects.filter(named, digest__in=digests).exists()


def end_trials(environment_id: str) -> None:
    """What is published next goes to all, and takes the place of what is on trial."""
    _trials().filter(environment_id=environment_id).update(stage=Publication.Stage.ENDED)


def settle_trials(now: datetime) -> list[Publication]:
    """The publications whose trial went well, so that all gateways are sent them; others are taken back."""
    settled = []
    for publication in _trials().select_related("environment"):
        verdict = _verdict(publication, now)
        if verdict.fault:
            _try_to_take_back(publication, verdict.fault)
        elif verdict.is_over and _trials().filter(pk=publication.pk).update(stage=Publication.Stage.ALL):
            Environment.objects.filter(pk=publication.environment_id).update(published_at=now)  # wakes who waits
            settled.append(publication)
    return settled


def expected_digests(gateways: Sequence[Gateway]) -> dict[str, str]:
    """What each gateway is to serve by now, by its id: two queries, and one more for each trial."""
    newest = Publication.objects.filter(environment=OuterRef("environment")).order_by("-revision")
    rows = Publication.objects.annotate(newest=Subquery(newest.values("revision")[:1])).filter(revision=F("newest"))
    latest = {row.environment_id: row for row in rows.only("environment_id", "revision", "digest", "groups", "stage")}
    before = {
        environment_id: _before(row) for environment_id, row in latest.items() if row.stage == Publication.Stage.TRIAL
    }
    return {
        gateway.pk: digest_for(
            gateway.group,
            before[gateway.environment_id]
            if gateway.environment_id in before and not gateway.is_canary
            else latest.get(gateway.environment_id),
        )
        for gateway in gateways
    }


def _before(publication: Publication) -> Publication | None:
    """The last one before that all gateways were sent."""
    earlier = Publication.objects.filter(environment_id=publication.environment_id, stage=Publication.Stage.ALL)
    return earlier.filter(revision__lt=publication.revision).first()


def _verdict(publication: Publication, now: datetime) -> Verdict:
    environment = publication.environment
    gateways = list(environment.gateways.prefetch_related("workers"))
    canaries = {gateway.pk for gateway in gateways if gateway.is_canary}
    workers = [
        worker for worker in Worker.objects.filter(gateway__in=canaries).select_related("gateway")
        if worker.gateway.state != Gateway.State.QUARANTINED and _was_there(worker.gateway, publication)
    ]  # fmt: skip
    began: dict[str, list[int]] = publication.trial_baseline
    counted = _counts_by_gateway(environment)
    since = {key: _less(counted[key], began.get(key, counted[key])) for key in counted}
    return judge(
        workers,
        {gateway.pk: digest_for(gateway.group, publication) for gateway in gateways},
        Calls(
            before=_sum((began[key][0], began[key][1]) for key in began if key in canaries),
            now=_sum(counts for key, counts in since.items() if key in canaries),
            others=_sum(counts for key, counts in since.items() if key not in canaries),
        ),
        is_time_up=publication.trial_until is None or now >= publication.trial_until,
    )


def _try_to_take_back(publication: Publication, fault: str) -> None:
    """One that cannot be taken back stays on trial, so that it goes to nobody else, and stops no other publication."""
    try:
        _take_back(publication, fault)
    except DomainError as error:
        logger.error("revision %d cannot be taken back: %s", publication.revision, error)  # noqa: TRY400 - told, no bug


@transaction.atomic
def _take_back(publication: Publication, fault: str) -> None:
    """The state before, for all, with the reason; the environment is held at it."""
    if not _trials().filter(pk=publication.pk).update(stage=Publication.Stage.ENDED):
        return
    earlier = _before(publication)
    logger.warning("revision %d of %s is taken back: %s", publication.revision, publication.environment, fault)
    if earlier is not None:
        reason = f"The trial of publication {publication.revision} failed: {fault}"[:500]
        roll_back(publication=earlier, by=BY, reason=reason, is_automatic=True)
        _tell(publication, reason)


def _was_there(gateway: Gateway, publication: Publication) -> bool:
    """False for a gateway that was silent when the trial began and since: it tries nothing."""
    return gateway.seen_at is not None and gateway.seen_at > publication.created_at - HEARD_WITHIN


def _tell(publication: Publication, reason: str) -> None:
    """Every admin learns of it under the bell, once."""
    admins = User.objects.filter(is_platform_admin=True, is_active=True).values_list("pk", flat=True)
    tell(
        user_ids=list(admins),
        kind="trial",
        cause=f"trial.{publication.pk}",
        title=gettext_lazy("A publication was taken back by itself"),
        text=reason,
        path="/console/admin/publications",
    )


def _trials() -> QuerySet[Publication]:
    return Publication.objects.filter(stage=Publication.Stage.TRIAL)


def _counts_by_gateway(environment: Environment) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = {}
    for worker in Worker.objects.filter(gateway__environment=environment):
        sums = counts.setdefault(worker.gateway_id, [0, 0])
        sums[0] += _whole(worker.stats.get("requests"))
        sums[1] += _whole(worker.stats.get("status_5xx"))
    return counts


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _less(counts: list[int], began: list[int]) -> Counts:
    """What came since; a gateway that began to count anew counts from 0."""
    return (counts[0] - began[0], counts[1] - began[1]) if counts[0] >= began[0] else (counts[0], counts[1])


def _sum(counts: Iterable[Counts]) -> Counts:
    listed = list(counts)
    return sum(each[0] for each in listed), sum(each[1] for each in listed)


def _share(counts: Counts) -> float:
    return counts[1] / counts[0] if counts[0] else 0.0
