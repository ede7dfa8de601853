"""The state that an API document wants for a version, and the steps that lead there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from apim.catalog.models import APIVersion
from apim.catalog.services import deprecate_version, reinstate_version, retire_version
from apim.documents.session import Spot, missing
from apim.errors import Conflict
from apim.releases import release_within

State = APIVersion.State
_DECLARED = "declared by a document"  # which others have read before it is applied


def apply_lifecycle(version: APIVersion, lifecycle: Mapping[str, Any] | None, spot: Spot) -> tuple[str, ...]:
    """("lifecycle",) when the version's state, dates or deployment had to change; without a lifecycle nothing does."""
    if lifecycle is None:
        return ()
    wanted = lifecycle["state"]
    before = _outline(version, spot)
    if wanted == State.DRAFT:
        if version.state not in {State.DRAFT, State.REVIEW}:
            hint = "Deprecate it, or leave `lifecycle` out."
            message = f"{version} is {version.state} and cannot become a draft again."
            raise Conflict("catalog.transition", message, hint=hint)
        return ()
    if wanted == version.state == State.RETIRED:
        return ()  # it is over; its last revision and dates stay
    release_within(
        spot.session.comparisons,
        version=version,
        by=spot.session.by,
        environment=spot.session.environment(spot.document),
        waiver=spot.session.waiver,
    )
    if wanted == State.PUBLISHED and version.state == State.DEPRECATED:
        reinstate_version(version=version, by=spot.session.by)
    if wanted in {State.DEPRECATED, State.RETIRED}:
        _deprecate(version, lifecycle, spot)
    if wanted == State.RETIRED:
        retire_version(version=version, by=spot.session.by)
    return ("lifecycle",) if before != _outline(version, spot) else ()


def _deprecate(version: APIVersion, lifecycle: Mapping[str, Any], spot: Spot) -> None:
    successor = None
    if name := lifecycle.get("successor"):
        successor = version.api.versions.filter(name=name).first()
        if successor is None:
            known = version.api.versions.values_list("name", flat=True)
            raise missing(spot.document, (*spot.at, "successor"), noun="version", name=name, known=known)
    deprecate_version(
        version=version,
        by=spot.session.by,
        deprecated_at=_moment(lifecycle, "deprecatedAt", spot) or version.deprecated_at or timezone.now(),
        sunset_at=_moment(lifecycle, "sunsetAt", spot),
        successor=successor,
        reason=_DECLARED,
    )


def _moment(lifecycle: Mapping[str, Any], name: str, spot: Spot) -> datetime | None:
    """A date, meaning its first second in UTC, or a date with a time."""
    text = lifecycle.get(name)
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
        day = parse_date(text)
    except ValueError:
        moment = day = None  # well-formed, but no such day
    if day is not None:
        moment = datetime.combine(day, time(), UTC)
    if moment is None:
        hint = "Write `2027-06-30` or `2027-06-30T12:00:00Z`."
        raise spot.below(name).error("documents.value", f"`{text}` is not a date.", hint)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _outline(version: APIVersion, spot: Spot) -> tuple[object, ...]:
    environment = spot.session.environment(spot.document)
    deployed = version.deployments.filter(environment=environment).values_list("revision_id")
    return (version.state, version.deprecated_at, version.sunset_at, version.successor_id, tuple(deployed))
