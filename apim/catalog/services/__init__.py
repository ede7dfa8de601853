"""Writes on APIs, versions, revisions and deployments, one module a noun."""

from __future__ import annotations

from apim.catalog.services.apis import (
    Consequences,
    archive_api,
    create_api,
    delete_api,
    deletion_consequences,
    lock_api,
    restore_api,
    update_api,
)
from apim.catalog.services.deployments import publish_version, rollback_version
from apim.catalog.services.imports import Imported, OperationChange, create_passthrough, import_document
from apim.catalog.services.revisions import save_revision
from apim.catalog.services.versions import (
    block_version,
    create_version,
    deprecate_version,
    reinstate_version,
    retire_version,
    return_version,
    submit_version,
    unblock_version,
    update_version,
)

__all__ = [
    "Consequences",
    "Imported",
    "OperationChange",
    "archive_api",
    "block_version",
    "create_api",
    "create_passthrough",
    "create_version",
    "delete_api",
    "deletion_consequences",
    "deprecate_version",
    "import_document",
    "lock_api",
    "publish_version",
    "reinstate_version",
    "restore_api",
    "retire_version",
    "return_version",
    "rollback_version",
    "save_revision",
    "submit_version",
    "unblock_version",
    "update_api",
    "update_version",
]
