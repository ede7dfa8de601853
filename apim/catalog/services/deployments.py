"""Deployments: which revision runs where, forward and back."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.comparisons import Comparisons, compared_ahead
from apim.catalog.issuer_keys import announce_on_commit
from apim.catalog.judging import kept_changes
from apim.catalog.models import APIVersion, Deployment, Revision
from apim.catalog.searching import save_search_text
from apim.catalog.services.versions import lock, require_active
from apim.catalog.telling import tell_of_move
from apim.errors import Conflict, Invalid, NotFound
from apim.gateways.models import Environment
from apim.gateways.services import default_environment, touch
from apim.listing import enumerated
from gateway_sync.problems import Where
from gateway_sync.upstreams import parse_settings
from gateway_sync.upstreams.canary import HEAVIEST

State = APIVersion.State


def publish_version(
    *, version: APIVersion, by: Actor, revision: Revision | None = None, environment: Environment | None = None
) -> Deployment:
    """The deployment of a revision (the newest, when none is named), with the version open to callers.

    A version that is deprecated stays so: its last faults may still be mended. Whom it breaks is not asked here, but
    by apim.releases.
    Errors: Conflict catalog.no_revision, catalog.no_upstream, catalog.no_operations, catalog.transition,
    catalog.api_archived.
    """
    return compared_ahead(
        lambda comparisons: publish_within(
            comparisons, version=version, by=by, revision=revision, environment=environment
        )
    )


def publish_within(
    comparisons: Comparisons,
    *,
    version: APIVersion,
    by: Actor,
    revision: Revision | None = None,
    environment: Environment | None = None,
) -> Deployment:
    """As publish_version, in the transaction of compared_ahead."""
    require_active(version.api)
    lock(version)
    if version.state in {State.RETIRED, State.BLOCKED}:
        hint = gettext("Unblock it first.") if version.state == State.BLOCKED else gettext("Make a new version.")
        raise Conflict(
            "catalog.transition",
            gettext("%(version)s is %(state)s and cannot be published.") % {"version": version, "state": version.state},
            hint=hint,
        )
    revision = revision or version.revisions.first()
    if revision is None or revision.version_id != version.pk:
        message = gettext("%(version)s has no revision to publish.") % {"version": version}
        raise Conflict(
            "catalog.no_revision", message, hint=gettext("Import a document, or give an upstream and operations.")
        )
    _require_runnable(revision)
    if version.state in {State.DRAFT, State.REVIEW}:
        before = state_of(version)
        version.state = State.PUBLISHED
        version.published_at = version.published_at or timezone.now()
        version.save(update_fields=["state", "published_at", "updated_at"])
        record(
            by=by,
            action="version.publish",
            target=version,
            before=before,
            after=state_of(version),
            organization_id=version.api.organization_id,
        )
        tell_of_move(version, "version.publish")
    return _deploy(comparisons, revision, environment or default_environment(), by=by, action="revision.deploy")


def rollback_version(
    *, version: APIVersion, by: Actor, to_number: int | None = None, environment: Environment | None = None
) -> Deployment:
    """The deployment of an older revision: the named one, or the one that ran before the current one was made.

    Errors: NotFound catalog.no_revision; Conflict catalog.nothing_to_roll_back, and those of publish_version.
    """
    return compared_ahead(
        lambda comparisons: roll_back_within(
            comparisons, version=version, by=by, to_number=to_number, environment=environment
        )
    )


def roll_back_within(
    comparisons: Comparisons,
    *,
    version: APIVersion,
    by: Actor,
    to_number: int | None = None,
    environment: Environment | None = None,
) -> Deployment:
    """As rollback_version, in the transaction of compared_ahead."""
    environment = environment or default_environment()
    revision = rollback_target(version=version, to_number=to_number, environment=environment)
    require_active(version.api)
    _require_runnable(revision)
    return _deploy(comparisons, revision, environment, by=by, action="revision.rollback")


def rollback_target(*, version: APIVersion, to_number: int | None, environment: Environment) -> Revision:
    """The revision that a rollback leads to.

    Errors: NotFound catalog.no_revision; Conflict catalog.nothing_to_roll_back.
    """
    current = version.deployments.filter(environment=environment).select_related("revision").first()
    if current is None:
        raise Conflict(
            "catalog.nothing_to_roll_back",
            gettext("%(version)s does not run in %(environment)s.") % {"version": version, "environment": environment},
        )
    if to_number is None:
        published = version.revisions.filter(published_at__isnull=False, number__lt=current.revision.number)
        revision = published.first()
        if revision is None:
            message = gettext("Nothing older than revision %(number)s of %(version)s was ever published.") % {
                "number": current.revision.number,
                "version": version,
            }
            raise Conflict("catalog.nothing_to_roll_back", message, hint=gettext("Name the revision to go back to."))
        return revision
    revision = version.revisions.filter(number=to_number).first()
    if revision is None:
        raise NotFound(
            "catalog.no_revision",
            gettext("%(version)s has no revision %(to_number)s.") % {"version": version, "to_number": to_number},
            field="to_number",
        )
    if revision.pk == current.revision_id:
        message = gettext("Revision %(number)s of %(version)s runs in %(environment)s already.") % {
            "number": to_number,
            "version": version,
            "environment": environment,
        }
        raise Conflict("catalog.nothing_to_roll_back", message, hint=gettext("Choose another revision."))
    return revision


@transaction.atomic
def shift_arms(
    *, version: APIVersion, by: Actor, weights: Mapping[str, int], environment: Environment | None = None
) -> Deployment:
    """The deployment with other weights of its canary's arms, in force without a new revision.

    Shapes: an arm that is not named keeps its weight; no weights at all = those of the revision again.
    Errors: Conflict catalog.no_arms; Invalid catalog.arm_weights.
    """
    environment = environment or default_environment()
    lock(version)
    deployment = version.deployments.filter(environment=environment).select_related("revision").first()
    if deployment is None or not (arms := arms_of(deployment)):
        hint = gettext("Give the targets an arm and the upstream a `canary`, and publish that.")
        raise Conflict(
            "catalog.no_arms",
            gettext("%(version)s runs without a canary in %(environment)s.")
            % {"version": version, "environment": environment},
            hint=hint,
        )
    if unknown := sorted(weights.keys() - arms.keys()):
        message = gettext("%(version)s has no arm `%(name)s`.") % {"version": version, "name": unknown[0]}
        raise Invalid(
            "catalog.arm_weights",
            message,
            field="weights",
            hint=gettext("Its arms: %(arms)s.") % {"arms": enumerated(arms)},
        )
    if wrong := [arm for arm, weight in weights.items() if not 0 <= weight <= HEAVIEST]:
        message = gettext("The weight of `%(name)s` is not from 0 to %(most)s.") % {
            "name": wrong[0],
            "most": f"{HEAVIEST:,}",
        }
        raise Invalid("catalog.arm_weights", message, field="weights")
    before = state_of(deployment)
    wanted = {**arms, **weights} if weights else {}
    if wanted and not any(wanted.values()):
        raise Invalid("catalog.arm_weights", gettext("One arm at least needs a weight above 0."), field="weights")
    if wanted != deployment.arm_weights:
        deployment.arm_weights = wanted
        deployment.save(update_fields=["arm_weights", "deployed_at"])
        organization_id = version.api.organization_id
        after = state_of(deployment)
        record(
            by=by, action="arms.shift", target=deployment, before=before, after=after, organization_id=organization_id
        )
        touch([environment.pk])
    return deployment


def arms_of(deployment: Deployment) -> dict[str, int]:
    """The weights of its arms now, by name, in the order of the revision; {} without a canary."""
    return {name: deployment.arm_weights.get(name, weight) for name, weight in written_arms(deployment).items()}


def written_arms(deployment: Deployment) -> dict[str, int]:
    """The weights of its arms as the revision has them; {} without a canary."""
    groups = {"canary": deployment.revision.upstream.get("canary")}
    if groups["canary"] is None:
        return {}
    settings, _ = parse_settings(groups, Where("version", deployment.version_id, "upstream"))
    return dict(settings.canary.arms) if settings.canary is not None else {}


def _require_runnable(revision: Revision) -> None:
    if not revision.upstream:
        message = gettext("%(revision)s has no upstream.") % {"revision": revision}
        raise Conflict("catalog.no_upstream", message, hint=gettext("Give the URL of the service behind it."))
    if not revision.operations and not revision.passthrough:
        message = gettext("%(revision)s has no operations: nothing could be called.") % {"revision": revision}
        hint = gettext("Add operations, import a document, or let all pass (passthrough).")
        raise Conflict("catalog.no_operations", message, hint=hint)


def _deploy(
    comparisons: Comparisons, revision: Revision, environment: Environment, *, by: Actor, action: str
) -> Deployment:
    version = revision.version
    announce_on_commit(revision.policies)
    current = version.deployments.filter(environment=environment).first()
    if current is not None and current.revision_id == revision.pk:
        return current
    before = state_of(current) if current else None
    deployment = current or Deployment(environment=environment, version=version)
    deployment.revision = revision
    deployment.arm_weights = {}
    deployment.deployed_by = by.label
    deployment.save()
    if revision.published_at is None:
        _keep_changes(comparisons, revision)
    record(
        by=by,
        action=action,
        target=deployment,
        before=before,
        after=state_of(deployment),
        organization_id=version.api.organization_id,
    )
    save_search_text(version.api)
    touch([environment.pk])
    return deployment


def _before(revision: Revision) -> Revision | None:
    """The publication that this one follows, of its version or else of another one."""
    published = Revision.objects.filter(version__api=revision.version.api_id, published_at__isnull=False)
    published = published.exclude(pk=revision.pk).order_by("-published_at")
    return published.filter(version=revision.version).first() or published.first()


def _keep_changes(comparisons: Comparisons, revision: Revision) -> None:
    """Dates the first publication, and keeps what it changes."""
    before = _before(revision)
    if before is not None:
        comparison = comparisons.of(before, revision)
        if not comparisons.is_complete:
            return  # all of this is taken back and done again
        revision.compared_with = before
        revision.changes = kept_changes(comparison)
        revision.skipped = list(comparison.skipped)
    revision.published_at = timezone.now()
    revision.save(update_fields=["published_at", "compared_with", "changes", "skipped"])
