"""Calls as records keep them, for replays."""

from __future__ import annotations

from itertools import count

from django.utils import timezone

from apim.access.models import Application
from apim.catalog.models import APIVersion
from apim.gateways.models import Environment
from apim.usage.models import UsageRecord

_seqs = count(1)


def call(
    version: APIVersion,
    caller: Application,
    operation: str,
    path: str,
    *,
    request_bytes: int = 0,
    environment: Environment | None = None,
) -> None:
    """A call that the log kept."""
    UsageRecord.objects.create(
        gateway_id="gtw_1",
        boot="boot",
        seq=next(_seqs),
        request_id="r",
        at=timezone.now(),
        environment_id=environment.id if environment else version.deployments.get().environment_id,
        version_id=version.id,
        operation=operation,
        path=path,
        organization_id=caller.organization_id,
        application_id=caller.id,
        credential_id="crd_1",
        status=200,
        duration_us=1,
        request_bytes=request_bytes,
    )
