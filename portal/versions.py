"""Versions as the portal shows them: what may be called, what runs, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404

from apim.catalog.models import APIVersion, Deployment, Revision
from apim.gateways.services import default_environment

if TYPE_CHECKING:
    from apim.accounts.models import Viewer


def find_callable(user: Viewer, api_name: str, version_name: str) -> APIVersion:
    """The version that callers may use; 404 when there is none that the visitor may see."""
    versions = APIVersion.objects.visible_to(user).callable().select_related("api__organization", "successor")
    return get_object_or_404(versions, api__name=api_name, name=version_name)


def deployed_revision(version: APIVersion) -> Revision | None:
    """The revision that callers meet, without its document, which may have many megabytes."""
    deployment = (
        Deployment.objects.filter(version=version, environment=default_environment())
        .select_related("revision")
        .defer("revision__document", "revision__problems")
        .first()
    )
    return deployment.revision if deployment else None


def base_of(version: APIVersion) -> str:
    """The address that paths follow; "" until the environment has one."""
    address = default_environment().base_url.rstrip("/")
    return f"{address}/{version.api.name}/{version.name}" if address else ""
