"""Publishing: what gateways must know, stored, signed and pushed.

Safe to run anywhere at any time: each step claims its work by a conditional UPDATE of the environment's counters, so
two processes that publish at once store and push one state once, and numbers never go back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apim.gateways.models import Environment, Gateway
from gateway_sync.delivery import access_log
from gateway_sync.delivery.causes import told_since
from gateway_sync.delivery.collect import Collected, collect
from gateway_sync.delivery.models import Fragment, Pin, Publication
from gateway_sync.delivery.push import AccessPage, Update, push
from gateway_sync.delivery.remembered import remembered
from gateway_sync.delivery.states import State, state_of
from gateway_sync.delivery.trials import end_trials, is_on_trial, serves_blocked, settle_trials, stage_of
from gateway_sync.problems import Problem
from gateway_sync.snapshot import change_between

logger = logging.getLogger(__name__)

_ATTEMPTS = 5  # each lost to another process that published meanwhile
_KEEP_PUBLICATIONS = 200
_KEEP_FRAGMENTS = timedelta(hours=1)  # those of a publication that is being stored are not referred to yet
_PATIENCE_S = 10.0  # then go on beside the other: doing it twice is safe, waiting for ever is not
_one_at_a_time = threading.Lock()  # within this process: the second finds the work done instead of doing it again


@dataclass(frozen=True, slots=True)
class Published:
    """What one call did: revision 0 = the state was published already; is_new False = it equals the one in force."""

    revision: int
    digest: str
    is_new: bool
    problems: tuple[Problem, ...]


def publish(environment_id: str) -> Published:
    """Bring gateways what they do not know yet: access changes first, because they never wait for a compilation."""
    is_alone = _one_at_a_time.acquire(timeout=_PATIENCE_S)
    try:
        publish_access(environment_id)
        return publish_state(environment_id)
    finally:
        if is_alone:
            _one_at_a_time.release()


def publish_pending() -> int:
    """Publish every environment that waits; how many. What a lost message or a dead broker left undone ends here."""
    settle_trials(timezone.now())
    waiting = list(Environment.objects.waiting_to_publish().values_list("id", flat=True))
    for environment_id in waiting:
        publish(environment_id)
    return len(waiting)


def publish_access(environment_id: str) -> int:
    """Push the access records that were not pushed yet; the sequence number reached."""
    environment = Environment.objects.get(id=environment_id)
    known, reached = environment.published_access_seq, environment.access_seq
    if reached <= known:
        return known
    page = access_log.page_to_push(environment_id, after=known, upto=reached)
    claimed = Environment.objects.filter(id=environment_id, published_access_seq=known)
    if claimed.update(published_access_seq=reached):
        push(Update(environment=environment.name, access=page))
    return reached


def publish_state(environment_id: str) -> Published:
    """Collect, compile, store, sign and push the wanted state, unless it is in force."""
    is_urgent = serves_blocked(environment_id)
    if is_on_trial(environment_id) and not is_urgent:  # what is wanted since waits for its end
        return Published(0, "", is_new=False, problems=())
    for _ in range(_ATTEMPTS):
        with remembered(environment_id) as memory:
            collected = collect(environment_id, memory)
            if collected.revision <= collected.published_revision:
                last_digest = collected.last.digest if collected.last else ""
                return Published(0, last_digest, is_new=False, problems=())
            state = state_of(collected, memory.compiled)
        if not _store(environment_id, collected, state, is_urgent=is_urgent):
            continue
        last_digest = collected.last.digest if collected.last else ""
        is_new = state.manifest.digest != last_digest
        if is_new and _is_for_all(environment_id, state) and not is_on_trial(environment_id):
            push(_update(environment_id, collected, state))
        return Published(collected.revision, state.manifest.digest, is_new, state.problems)
    logger.warning("publishing of %s left to the other processes that publish it", environment_id)
    return Published(0, "", is_new=False, problems=())


@transaction.atomic
def forget_publications() -> int:
    """Delete publications beyond those kept for each environment, and fragments that none refers to."""
    count = 0
    for environment_id in Environment.objects.values_list("id", flat=True):
        mine = Publication.objects.filter(environment_id=environment_id)
        kept = list(mine.values_list("revision", flat=True)[:_KEEP_PUBLICATIONS])
        if len(kept) == _KEEP_PUBLICATIONS:
            held = Pin.objects.filter(environment_id=environment_id).values("revision")
            count += mine.filter(revision__lt=kept[-1]).exclude(revision__in=held).delete()[0]
    referred: set[str] = set()
    for manifest, groups in Publication.objects.values_list("manifest", "groups").iterator():
        for each in (manifest, *groups.values()):
            referred.update(each["fragments"].values())
    for fragments in Pin.objects.values_list("fragments", flat=True):
        referred.update(fragments.values())
    old = Fragment.objects.filter(created_at__lt=timezone.now() - _KEEP_FRAGMENTS).values_list("digest", flat=True)
    unused = [fragment for fragment in old if fragment not in referred]
    for start in range(0, len(unused), 500):
        Fragment.objects.filter(digest__in=unused[start : start + 500]).delete()
    return count


@transaction.atomic
def _store(environment_id: str, collected: Collected, state: State, *, is_urgent: bool) -> bool:
    """True when this process published the revision; False when another did."""
    claimed = Environment.objects.filter(id=environment_id, published_revision=collected.published_revision)
    if not claimed.update(published_revision=collected.revision, published_at=timezone.now()):
        return False
    last, manifest = collected.last, state.manifest
    problems = _as_json(state.problems)
    told = told_since(environment_id, last.created_at if last else None)
    groups = {name: asdict(each.manifest) for name, each in state.groups.items()}
    is_same = (
        last is not None
        and (last.digest, last.problems) == (manifest.digest, problems)
        and _digests(last.groups) == _digests(groups)
    )
    if is_same and told.cause == Publication.Cause.CHANGE:
        return True
    known = set(last.manifest["fragments"].values()) if last else set()
    Fragment.objects.bulk_create(
        [
            Fragment(digest=fragment_digest, body=content.decode())
            for fragment_digest, content in state.contents().items()
            if fragment_digest not in known
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    if is_urgent:
        end_trials(environment_id)
    is_chosen = is_urgent or _is_chosen(told.cause, environment_id, manifest.digest)
    Publication.objects.create(
        environment_id=environment_id,
        **stage_of(Environment.objects.get(id=environment_id), is_chosen=is_chosen or last is None),
        revision=manifest.revision,
        digest=manifest.digest,
        manifest=asdict(manifest),
        groups=groups,
        problems=problems,
        cause=told.cause,
        made_by=told.made_by,
        reason=told.reason,
    )
    return True


def _is_chosen(cause: str, environment_id: str, digest: str) -> bool:
    """True when people chose this very state: they went back, or released what was published before."""
    if cause != Publication.Cause.RELEASE:
        return cause != Publication.Cause.CHANGE
    return Publication.objects.filter(environment_id=environment_id, digest=digest).exists()


def _update(environment_id: str, collected: Collected, state: State) -> Update:
    """The push message: what is new since the last publication, however much there is of the rest."""
    manifest = state.manifest
    before: dict[str, str] = collected.last.manifest["fragments"] if collected.last else {}
    known = set(before.values())
    pushed = Environment.objects.values_list("published_access_seq", flat=True).get(id=environment_id)
    return Update(
        environment=collected.environment,
        access=AccessPage(after=pushed, upto=pushed),
        manifest=replace(manifest, fragments={}) if collected.last else manifest,
        fragments={
            manifest.fragments[name]: content.decode()
            for name, content in state.fragments.items()
            if manifest.fragments[name] not in known
        },
        base_digest=collected.last.digest if collected.last else "",
        change=change_between(before, manifest.fragments) if collected.last else None,
    )


def _is_for_all(environment_id: str, state: State) -> bool:
    """False when some gateway is to be sent something else, or nothing: the channel is of all, so they pull."""
    apart = Gateway.objects.filter(environment_id=environment_id, state=Gateway.State.QUARANTINED)
    return not state.groups and not apart.exists()


def _digests(groups: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {name: manifest["digest"] for name, manifest in groups.items()}


def _as_json(problems: Iterable[Problem]) -> list[dict[str, str]]:
    return [
        {
            "code": problem.code,
            "message": problem.message,
            "where_kind": problem.where.kind,
            "where_id": problem.where.id,
            "where_field": problem.where.field,
            "hint": problem.hint,
        }
        for problem in problems
    ]
