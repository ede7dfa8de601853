"""Groups: by which gateways of an environment a deployed version is served."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.models import APIVersion, Deployment
from apim.catalog.services.versions import lock
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment, Gateway, JoinToken
from apim.gateways.services import default_environment, touch
from apim.listing import enumerated


def groups_in(environment: Environment) -> list[str]:
    """The groups that its gateways are in, or will be once they have joined."""
    named = {group for model in (Gateway, JoinToken) for group in _named(model, environment)}
    return sorted(named - {""})


@transaction.atomic
def bind_to_groups(
    *, version: APIVersion, groups: Collection[str], by: Actor, environment: Environment | None = None
) -> Deployment:
    """The deployment, served by the gateways of these groups alone; by all gateways when there are none.

    Errors: Conflict catalog.not_deployed; Invalid catalog.no_such_group.
    """
    chosen = environment or default_environment()
    lock(version)
    deployment = version.deployments.filter(environment=chosen).select_related("environment", "revision").first()
    if deployment is None:
        message = gettext("%(version)s does not run in %(environment)s.") % {"version": version, "environment": chosen}
        raise Conflict("catalog.not_deployed", message, hint=gettext("Publish it there first."))
    wanted, known = sorted(set(groups)), groups_in(chosen)
    if unknown := [group for group in wanted if group not in known and group not in deployment.gateway_groups]:
        message = gettext("No gateway of %(environment)s is in the group %(group)s.") % {
            "environment": chosen, "group": unknown[0],
        }  # fmt: skip
        hint = gettext("Groups: %(names)s.") % {"names": enumerated(known) or gettext("none")}
        raise Invalid("catalog.no_such_group", message, field="groups", hint=hint)
    if wanted != deployment.gateway_groups:
        before, deployment.gateway_groups = {"gateway_groups": deployment.gateway_groups}, wanted
        deployment.save(update_fields=["gateway_groups"])
        record(
            by=by,
            action="version.bind_to_groups",
            target=deployment,
            before=before,
            after={"gateway_groups": wanted},
            organization_id=version.api.organization_id,
        )
        touch([chosen.pk])
    return deployment


def _named(model: type[Gateway | JoinToken], environment: Environment) -> Collection[str]:
    return set(model._default_manager.filter(environment=environment).values_list("group", flat=True))  # noqa: SLF001 - documented
