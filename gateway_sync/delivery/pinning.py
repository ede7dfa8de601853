"""Going back: a whole environment to an earlier publication, where it stays until an admin releases it.

Owns: the pin, and what it would change. The earlier content is published anew, as a higher revision: gateways never
take a lower one. What must not come back does not: see gateway_sync.compiler.holding and ADR 26.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.models import APIVersion
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from apim.gateways.sandbox import twin_id
from apim.gateways.services import touch
from gateway_sync.compiler import hold
from gateway_sync.delivery.causes import RELEASE, RETURN, ROLL_BACK
from gateway_sync.delivery.collect import collect
from gateway_sync.delivery.differences import Change, compare, texts_of
from gateway_sync.delivery.models import Pin, Publication
from gateway_sync.delivery.states import wanted_fragments
from gateway_sync.snapshot import SnapshotInvalid

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """What gateways would be sent, against what they were sent last.

    Shapes: seen is the revision that this was compared with: who confirms names it. now and then are the fragments of
    both sides by name.
    """

    seen: int
    changes: tuple[Change, ...]
    now: Mapping[str, str] = field(repr=False)
    then: Mapping[str, str] = field(repr=False)


def _plan(last: Publication, now: Mapping[str, str], then: Mapping[str, bytes]) -> Plan:
    texts = {name: content.decode() for name, content in then.items()}
    return Plan(last.revision, compare(now, texts), now, texts)


def plan_rollback(publication: Publication) -> Plan:
    """What would change if the publication's environment went back to it.

    Errors: Conflict gateways.publication_forgotten.
    """
    last = _last(publication.environment)
    now = texts_of(last.manifest.get("fragments", {}))
    earlier = texts_of(publication.manifest.get("fragments", {}))
    try:
        if len(earlier) != len(publication.manifest.get("fragments", {})):
            raise _forgotten(publication)
        blocked = set(APIVersion.objects.filter(state=APIVersion.State.BLOCKED).values_list("id", flat=True))
        held = hold(earlier, now, blocked | {twin_id(each) for each in blocked})
    except SnapshotInvalid as error:
        raise _forgotten(publication) from error
    return _plan(last, now, held)


def plan_release(environment: Environment) -> Plan:
    """What would change if the environment followed its configuration again. Errors: Conflict gateways.not_held."""
    if not Pin.objects.filter(environment=environment).exists():
        raise _not_held(environment)
    collected = collect(environment.pk)
    fragments, _ = wanted_fragments(collected)
    last = _last(environment)
    return _plan(last, texts_of(last.manifest.get("fragments", {})), fragments)


@transaction.atomic
def roll_back(
    *, publication: Publication, by: Actor, reason: str, seen: int | None = None, is_automatic: bool = False
) -> Pin:
    """The pin that holds the publication's environment at it; what gateways serve follows within seconds.

    Shapes: seen = the revision that the plan was made against, None = whatever is in force.
    Errors: Invalid gateways.reason_missing; Conflict gateways.state_moved, gateways.publication_forgotten.
    """
    environment = _locked(publication.environment)
    _check(environment, reason, seen)
    plan_rollback(publication)
    trials = Publication.objects.filter(environment=environment, stage=Publication.Stage.TRIAL)
    trials.update(stage=Publication.Stage.ENDED)  # people, or the trial itself, decided
    before = Pin.objects.filter(environment=environment).first()
    pin, _ = Pin.objects.update_or_create(
        environment=environment,
        defaults={
            "revision": publication.revision,
            "fragments": publication.manifest.get("fragments", {}),
            "reason": reason.strip(),
            "made_by": by.label,
            "is_automatic": is_automatic,
        },
    )
    record(
        by=by,
        action=RETURN if is_automatic else ROLL_BACK,
        target=environment,
        before={"held_at": before.revision if before else None},
        after={"held_at": publication.revision},
        reason=reason.strip(),
    )
    touch([environment.pk])
    return pin


@transaction.atomic
def release(*, environment: Environment, by: Actor, reason: str, seen: int | None = None) -> None:
    """Let the environment follow its configuration again.

    Errors: Conflict gateways.not_held, gateways.state_moved; Invalid gateways.reason_missing.
    """
    locked = _locked(environment)
    pin = Pin.objects.filter(environment=locked).first()
    if pin is None:
        raise _not_held(environment)
    _check(locked, reason, seen)
    pin.delete()
    before, after = {"held_at": pin.revision}, {"held_at": None}
    record(by=by, action=RELEASE, target=locked, before=before, after=after, reason=reason.strip())
    touch([locked.pk])


def _locked(environment: Environment) -> Environment:
    return Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)


def _check(environment: Environment, reason: str, seen: int | None) -> None:
    if not reason.strip():
        raise Invalid("gateways.reason_missing", gettext("Say why: everybody will ask."), field="reason")
    if len(reason) > _LONGEST_REASON:
        message = gettext("A reason has at most %(most)d characters.") % {"most": _LONGEST_REASON}
        raise Invalid("gateways.reason_too_long", message, field="reason")
    if seen is not None and _last(environment).revision != seen:
        message = gettext("Something else was published while you looked.")
        raise Conflict("gateways.state_moved", message, hint=gettext("Look at the differences again, and decide anew."))


def _last(environment: Environment) -> Publication:
    last = Publication.objects.filter(environment=environment).first()
    if last is None:
        message = gettext("Nothing was published to %(environment)s yet.") % {"environment": environment}
        raise Conflict("gateways.nothing_published", message)
    return last


def _not_held(environment: Environment) -> Conflict:
    message = gettext("%(environment)s is not held: it follows its configuration.") % {"environment": environment}
    return Conflict("gateways.not_held", message)


def _forgotten(publication: Publication) -> Conflict:
    message = gettext("What publication %(revision)s held is no longer kept, or was written by another release.") % {
        "revision": publication.revision
    }
    return Conflict("gateways.publication_forgotten", message, hint=gettext("Choose a newer one."))
