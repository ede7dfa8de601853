"""Writing the audit log. Called by every service inside its own transaction, so that no write goes without its row."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import models

from apim.audit.actor import LONGEST_LABEL, Actor
from apim.audit.models import AuditEvent

_SECRET_SUFFIXES = ("_hash", "_sealed", "password")
_LONGEST_TEXT = 2000  # an imported document may have megabytes; the log keeps what identifies it


def record(
    *,
    by: Actor,
    action: str,
    target: models.Model,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    organization_id: str = "",
    reason: str = "",
) -> AuditEvent:
    """The row that says who did what.

    Shapes: before and after are of state_of(); with both, only the fields that differ are kept. organization_id is
    read from the target when it has one.
    """
    if before is not None and after is not None:
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        before = {name: value for name, value in before.items() if name in changed}
        after = {name: value for name, value in after.items() if name in changed}
    return AuditEvent.objects.create(
        actor_kind=by.kind,
        actor_id=by.id,
        actor_label=by.label,
        action=action,
        target_kind=target._meta.model_name or "",  # noqa: SLF001 - a documented interface
        target_id=str(target.pk),
        target_label=str(target)[:LONGEST_LABEL],
        organization_id=organization_id or getattr(target, "organization_id", "") or "",
        before=before,
        after=after,
        reason=reason,
    )


def state_of(instance: models.Model) -> dict[str, Any]:
    """The fields of a row as JSON, without secrets; long texts as their length and digest."""
    return {
        field.attname: _plain(getattr(instance, field.attname))
        for field in instance._meta.concrete_fields  # noqa: SLF001 - a documented interface
        if not field.attname.endswith(_SECRET_SUFFIXES) and not isinstance(field, models.BinaryField)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return {"length": len(value), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    return value
