"""Deployments: which revision runs where, forward and back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import APIVersion, Deployment, Revision
from apim.catalog.services.versions import lock, require_active
from apim.errors import Conflict, NotFound
from apim.gateways.models import Environment
from apim.gateways.services import default_environment, touch

State = APIVersion.State


@transaction.atomic
def publish_version(
    *, version: APIVersion, by: Actor, revision: Revision | None = None, environment: Environment | None = None
) -> Deployment:
    """The deployment of a revision (the newest, when none is named), with the version open to callers.

    A version that is deprecated stays so: its last faults may still be mended.
    Errors: Conflict catalog.no_revision, catalog.no_upstream, catalog.no_operations, catalog.transition,
    catalog.api_archived.
    """
    require_active(version.api)
    lock(version)
    if version.state in {State.RETIRED, State.BLOCKED}:
        hint = "Unblock it first." if version.state == State.BLOCKED else "Make a new version."
        raise Conflict("catalog.transition", f"{version} is {version.state} and cannot be published.", hint=hint)
    revision = revision or version.revisions.first()
    if revision is None or revision.version_id != version.pk:
        message = f"{version} has no revision to publish."
        raise Conflict("catalog.no_revision", message, hint="Import a document, or give an upstream and operations.")
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
    return _deploy(revision, environment or default_environment(), by, "revision.deploy")


@transaction.atomic
def rollback_version(
    *, version: APIVersion, by: Actor, to_number: int | None = None, environment: Environment | None = None
) -> Deployment:
    """The deployment of an older revision: the named one, or the one that ran before the current one was made.

    Errors: NotFound catalog.no_revision; Conflict catalog.nothing_to_roll_back, and those of publish_version.
    """
    environment = environment or default_environment()
    current = version.deployments.filter(environment=environment).select_related("revision").first()
    if current is None:
        raise Conflict("catalog.nothing_to_roll_back", f"{version} does not run in {environment}.")
    if to_number is None:
        published = version.revisions.filter(published_at__isnull=False, number__lt=current.revision.number)
        revision = published.first()
        if revision is None:
            message = f"Nothing older than revision {current.revision.number} of {version} was ever published."
            raise Conflict("catalog.nothing_to_roll_back", message, hint="Name the revision to go back to.")
    else:
        revision = version.revisions.filter(number=to_number).first()
        if revision is None:
            raise NotFound("catalog.no_revision", f"{version} has no revision {to_number}.", field="to_number")
    require_active(version.api)
    _require_runnable(revision)
    return _deploy(revision, environment, by, "revision.rollback")


def _require_runnable(revision: Revision) -> None:
    if not revision.upstream:
        message = f"{revision} has no upstream."
        raise Conflict("catalog.no_upstream", message, hint="Give the URL of the service behind it.")
    if not revision.operations and not revision.passthrough:
        message = f"{revision} has no operations: nothing could be called."
        raise Conflict("catalog.no_operations", message, hint="Add operations, import a document or pass all through.")


def _deploy(revision: Revision, environment: Environment, by: Actor, action: str) -> Deployment:
    version = revision.version
    current = version.deployments.filter(environment=environment).first()
    if current is not None and current.revision_id == revision.pk:
        return current
    before = state_of(current) if current else None
    deployment = current or Deployment(environment=environment, version=version)
    deployment.revision = revision
    deployment.deployed_by = by.label
    deployment.save()
    Revision.objects.filter(pk=revision.pk, published_at=None).update(published_at=timezone.now())
    record(
        by=by,
        action=action,
        target=deployment,
        before=before,
        after=state_of(deployment),
        organization_id=version.api.organization_id,
    )
    touch([environment.pk])
    return deployment
