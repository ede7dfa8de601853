"""Sandboxes of versions: whether the document answers sandbox keys, or a service of the owner's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.models import APIVersion
from apim.catalog.sandboxes import parse_sandbox
from apim.catalog.services.apis import environments_of_version
from apim.catalog.services.versions import require_active
from apim.gateways.services import touch


@transaction.atomic
def name_sandbox_service(*, version: APIVersion, upstream: Mapping[str, Any], by: Actor) -> APIVersion:
    """The version whose sandbox is answered by this service, in force at once; {} = by the document's examples.

    No revision is made: a test system comes and goes apart from what the version is.
    Errors: those of parse_sandbox; Conflict catalog.api_archived.
    """
    require_active(version.api)
    row = APIVersion.objects.select_for_update().only("sandbox_upstream").get(pk=version.pk)
    wanted = parse_sandbox(upstream)
    before, version.sandbox_upstream = row.sandbox_upstream, wanted
    if before == wanted:
        return version
    version.save(update_fields=["sandbox_upstream", "updated_at"])
    record(
        by=by,
        action="version.sandbox",
        target=version,
        before=_outline(before),
        after=_outline(wanted),
        organization_id=version.api.organization_id,
    )
    touch(environments_of_version(version))
    return version


def _outline(upstream: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit log keeps: of headers their names alone, for they may hold what opens the service."""
    return {
        "sandbox_upstream": {**upstream, **({"headers": sorted(upstream["headers"])} if "headers" in upstream else {})}
    }
