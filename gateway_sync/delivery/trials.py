"""Trials: a publication goes to canaries first, and to all when they do well; else the state before comes back.

Owns: when a trial begins, who tries, and its end. A canary is a whole gateway, or one worker of each; what it serves
meanwhile is decided by `sync`, which sends it to nobody else. While one is on, later changes wait. The state before
comes back as a rollback does: as a higher revision, at which the environment is held, with the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import reduce
from hashlib import sha256
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
from gateway_sync.delivery.tallies import compare
from gateway_sync.delivery.verdicts import Calls, Counts, Verdict, judge, judge_workers
from gateway_sync.snapshot import api_fragment

logger = logging.getLogger(__name__)

BY: Final = system_actor("trial")
HEARD_WITHIN: Final = timedelta(seconds=30)
_MOST_CALLS: Final = 2**53  # that a worker may say it had


def is_tried_by(gateway: Gateway, publication: Publication) -> bool:
    """True when the whole gateway is sent the publication before others, or was."""
    if publication.trial_in_worker:
        return False
    return gateway.pk in publication.trial_gateways if publication.trial_gateways else gateway.is_canary


def stage_of(environment: Environment, *, is_chosen: bool) -> dict[str, Any]:
    """The fields of a new publication: on trial when the environment wants one and there is somebody to compare with.

    Shapes: is_chosen = people chose this state, which goes to all at once.
    """
    if is_chosen or not environment.trial_s:
        return {}
    trying = _who_tries(environment)
    if not trying:
        return {}
    return {
        "stage": Publication.Stage.TRIAL,
        "trial_until": timezone.now() + timedelta(seconds=environment.trial_s),
        "trial_baseline": _counts_by_gateway(environment),
        "trial_in_worker": environment.trial_by == Environment.TrialBy.WORKER,
        "trial_gateways": [gateway.pk for gateway in trying],
    }


def _who_tries(environment: Environment) -> list[Gateway]:
    """The gateways that try what is published now; none when it could be compared with nothing.

    Shapes: a share is of gateways that others are left beside, another one with each revision, and one at least.
    """
    heard = timezone.now() - HEARD_WITHIN
    serving = list(environment.gateways.filter(seen_at__gt=heard).exclude(state=Gateway.State.QUARANTINED))
    if environment.trial_by == Environment.TrialBy.WORKER:
        return [gateway for gateway in serving if gateway.takes_trials]
    if environment.trial_by == Environment.TrialBy.SHARE:
        drawn = sorted(
            serving, key=lambda gateway: sha256(f"{environment.published_revision} {gateway.pk}".encode()).digest()
        )
        count = max(1, len(serving) * environment.trial_share // 100)
        return drawn[:count] if len(serving) > 1 else []
    canaries = [gateway for gateway in serving if gateway.is_canary]
    return canaries if len(canaries) < len(serving) else []


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
    named = ("environment_id", "revision", "digest", "groups", "stage", "trial_in_worker", "trial_gateways")
    latest = {row.environment_id: row for row in rows.only(*named)}
    before = {
        environment_id: _before(row) for environment_id, row in latest.items() if row.stage == Publication.Stage.TRIAL
    }
    return {
        gateway.pk: digest_for(
            gateway.group,
            before[gateway.environment_id]
            if gateway.environment_id in before and not is_tried_by(gateway, latest[gateway.environment_id])
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
    gateways = list(environment.gateways.all())
    digests = {gateway.pk: digest_for(gateway.group, publication) for gateway in gateways}
    is_time_up = publication.trial_until is None or now >= publication.trial_until
    if publication.trial_in_worker:
        heard = Worker.objects.filter(gateway__environment=environment, gateway__seen_at__gt=now - HEARD_WITHIN)
        trusted = heard.exclude(gateway__state=Gateway.State.QUARANTINED).select_related("gateway")
        trying = [worker for worker in trusted if worker.gateway_id in publication.trial_gateways]
        return judge_workers(
            trying, digests, publication.revision, is_time_up=is_time_up, is_anybody_heard=bool(trusted)
        )
    canaries = {gateway.pk for gateway in gateways if is_tried_by(gateway, publication)}
    workers = [
        worker for worker in Worker.objects.filter(gateway__in=canaries).select_related("gateway")
        if worker.gateway.state != Gateway.State.QUARANTINED and _was_there(worker.gateway, publication)
    ]  # fmt: skip
    began: dict[str, list[int]] = publication.trial_baseline
    counted = _counts_by_gateway(environment)
    since = {key: _less(counted[key], began.get(key, counted[key])) for key in counted}
    calls = Calls(
        before=_sum((began[key][0], began[key][1]) for key in began if key in canaries),
        now=_sum(counts for key, counts in since.items() if key in canaries),
        others=_sum(counts for key, counts in since.items() if key not in canaries),
    )
    made = calls.now[0], calls.others[0]
    comparison = compare(publication, _before(publication), canaries, now=now, counted=made)
    return judge(workers, digests, calls, comparison, is_time_up=is_time_up)


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
    """A count as a gateway tells it; of one that none can reach nothing is known."""
    return value if isinstance(value, int) and 0 <= value <= _MOST_CALLS else 0


def _less(counts: list[int], began: list[int]) -> Counts:
    """What came since; a gateway that began to count anew counts from 0."""
    return (counts[0] - began[0], counts[1] - began[1]) if counts[0] >= began[0] else (counts[0], counts[1])


def _sum(counts: Iterable[Counts]) -> Counts:
    listed = list(counts)
    return sum(each[0] for each in listed), sum(each[1] for each in listed)
