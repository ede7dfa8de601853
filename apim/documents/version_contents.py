"""What the document of an API says of its guides and versions, as it is exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apim.catalog.models import APIVersion, Deployment, Guide, Revision
from apim.openapi.source import read_source

Content = dict[str, Any]


def guide_content(guide: Guide) -> Content:
    """A guide of an API."""
    content = {"slug": guide.slug, "title": guide.title, "position": guide.position, "body": guide.body}
    return content | {"published": guide.is_published}


def version_content(version: APIVersion) -> Content:
    """A version of an API. Shapes: with `deployed`, its deployments in the default environment with their revisions."""
    deployed: list[Deployment] = version.deployed  # type: ignore[attr-defined]  # prefetched under this name
    revision = deployed[0].revision if deployed else version.revisions.first()
    content = {"name": version.name, "lifecycle": _lifecycle(version), "documentation": version.documentation}
    if version.sandbox_upstream:
        content["sandbox"] = _upstream(version.sandbox_upstream)
    content |= _content(revision) if revision else {}
    return {key: value for key, value in content.items() if value not in ("", None, {})}


def _lifecycle(version: APIVersion) -> Content:
    states = APIVersion.State
    state = version.state
    if state == states.REVIEW:
        state = states.DRAFT
    elif state == states.BLOCKED:  # an urgent act of one place; elsewhere the version is as it was before
        state = states.DEPRECATED if version.deprecated_at else states.PUBLISHED
    dates = {"deprecatedAt": version.deprecated_at, "sunsetAt": version.sunset_at}
    lifecycle = {"state": str(state), **{key: value.isoformat() for key, value in dates.items() if value}}
    return lifecycle | ({"successor": version.successor.name} if version.successor else {})


def _content(revision: Revision) -> Content:
    content: Content = {}
    if revision.document:
        content["spec"] = read_source(revision.document).value
    elif revision.passthrough:
        content["passthrough"] = revision.passthrough
    elif revision.operations:
        content["operations"] = [
            {
                "method": one["method"],
                "path": one["path"],
                "operationId": one["operation_id"],
                "summary": one["summary"],
                "tags": one["tags"],
                "deprecated": one["deprecated"],
            }
            for one in revision.operations
        ]
    if revision.upstream:
        content["upstream"] = _upstream(revision.upstream)
    content |= {"policies": revision.policies}
    return content | ({"composites": revision.composites} if revision.composites else {})


def _upstream(upstream: Mapping[str, Any]) -> Content:
    timeout_ms = round(upstream["timeout_s"] * 1000)
    return {
        "targets": upstream["targets"],
        "timeout": f"{timeout_ms}ms" if timeout_ms % 1000 else f"{timeout_ms // 1000}s",
        **{name: group for name, group in upstream.items() if name not in {"targets", "timeout_s"}},
    }
