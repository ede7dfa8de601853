"""The gate: publish and roll back, for the console, REST and documents alike."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.comparisons import Comparisons, compared_ahead
from apim.catalog.models import APIVersion, Deployment, Revision
from apim.catalog.services.deployments import publish_within, roll_back_within, rollback_target
from apim.catalog.services.versions import lock
from apim.errors import Invalid
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.releases.verdicts import Verdict, judge

_LONGEST_WAIVER = 1000


def release_version(
    *,
    version: APIVersion,
    by: Actor,
    revision: Revision | None = None,
    environment: Environment | None = None,
    waiver: str = "",
) -> Deployment:
    """The deployment of a revision, the newest when none is named. Documents are compared before the transaction.

    Shapes: waiver = why it is right that callers break, kept in the audit log; "" = they must not.
    Errors: Conflict releases.breaks_callers with changes and applications as evidence; those of publish_version.
    """
    return compared_ahead(
        lambda comparisons: release_within(
            comparisons, version=version, by=by, revision=revision, environment=environment, waiver=waiver
        )
    )


def roll_back_version(
    *,
    version: APIVersion,
    by: Actor,
    to_number: int | None = None,
    environment: Environment | None = None,
    waiver: str = "",
) -> Deployment:
    """The deployment of an older revision. What ran before may run again; what never ran goes through the gate.

    Errors: those of rollback_version; Conflict releases.breaks_callers.
    """
    chosen = environment or default_environment()

    def act(comparisons: Comparisons) -> Deployment:
        target = rollback_target(version=version, to_number=to_number, environment=chosen)
        if target.published_at is None:
            _pass(comparisons, version=version, revision=target, environment=chosen, by=by, waiver=waiver)
        return roll_back_within(comparisons, version=version, by=by, to_number=to_number, environment=chosen)

    return compared_ahead(act)


@transaction.atomic
def release_within(
    comparisons: Comparisons,
    *,
    version: APIVersion,
    by: Actor,
    revision: Revision | None = None,
    environment: Environment | None = None,
    waiver: str = "",
) -> Deployment:
    """As release_version, in the transaction of compared_ahead."""
    lock(version)
    environment = environment or default_environment()
    revision = revision or version.revisions.first()
    if revision is not None and revision.version_id == version.pk:  # else publish_within says what is missing
        _pass(comparisons, version=version, revision=revision, environment=environment, by=by, waiver=waiver)
    return publish_within(comparisons, version=version, by=by, revision=revision, environment=environment)


def _pass(
    comparisons: Comparisons,
    *,
    version: APIVersion,
    revision: Revision,
    environment: Environment,
    by: Actor,
    waiver: str,
) -> None:
    """Let the revision through, or refuse; a waiver that was needed is recorded."""
    verdict = judge(comparisons, version=version, revision=revision, environment=environment)
    if not verdict.is_barred:
        return
    if not waiver.strip():
        raise verdict.refusal()
    if len(waiver) > _LONGEST_WAIVER:
        message = gettext("A waiver has at most %(most)s characters.") % {"most": f"{_LONGEST_WAIVER:,}"}
        raise Invalid("releases.waiver_too_long", message, field="waiver")
    _record_waiver(verdict, by, waiver.strip())


def _record_waiver(verdict: Verdict, by: Actor, waiver: str) -> None:
    version = verdict.revision.version
    record(
        by=by,
        action="revision.waive",
        target=verdict.revision,
        after=verdict.evidence,
        reason=waiver,
        organization_id=version.api.organization_id,
    )
