"""What webhooks are told of versions. Called in the transaction in which a version moves."""

from __future__ import annotations

from typing import Final

from apim.catalog.models import APIVersion
from apim.webhooks.outbox import emit_of_version

_TYPES: Final = {
    "version.publish": "version.published",
    "version.deprecate": "version.deprecated",
    "version.retire": "version.retired",
}


def tell_of_move(version: APIVersion, action: str) -> None:
    """Keep the event of an audited action on a version, when it is one that endpoints can be told."""
    type_ = _TYPES.get(action)
    if type_ is None:
        return
    data = {
        "id": version.id,
        "api": version.api.name,
        "version": version.name,
        "state": version.state,
        "deprecated_at": version.deprecated_at.isoformat() if version.deprecated_at else None,
        "sunset_at": version.sunset_at.isoformat() if version.sunset_at else None,
        "successor": version.successor.name if version.successor else None,
    }
    emit_of_version(type_, version_id=version.id, data=data)
