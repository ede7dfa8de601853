"""Contracts of revisions judged and compared. What the pure engines say of a revision is kept: it never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from django.core.cache import caches

from apim.catalog.confined import lint_confined
from apim.catalog.models import Revision
from apim.catalog.operations import operation_name
from apim.openapi.differing import Comparison, compare_contracts, compare_texts
from apim.openapi.linting import Report
from apim.openapi.source import SourceFault

CHANGES_KEPT_AT_MOST: Final = 500
_KEPT_S: Final = 24 * 3600
_CACHE: Final = "process"


def lint_revision(revision: Revision) -> Report | None:
    """What could be better in the revision's document; None when it has none."""
    if not revision.document:
        return None
    key = f"lint-2:{revision.digest}"
    report: Report | None = caches[_CACHE].get(key)
    if report is None:
        report = lint_confined(revision.document)
        caches[_CACHE].set(key, report, _KEPT_S)
    return report


def compare_for_callers(before: Revision, after: Revision) -> Comparison:
    """What callers notice when `after` takes the place of `before`: by their documents, else by their operations."""
    comparison = known_comparison(before, after)
    if comparison is None:
        has_both = before.document and after.document
        comparison = _by_documents(before, after) if has_both else _by_operations(before, after)
        caches[_CACHE].set(_key(before, after), comparison, _KEPT_S)
    return comparison


def known_comparison(before: Revision, after: Revision) -> Comparison | None:
    """What compare_for_callers gives, when that is known without work; else None."""
    if before.document == after.document and before.operations == after.operations:
        return Comparison(()) if before.passthrough == after.passthrough else _by_operations(before, after)
    known: Comparison | None = caches[_CACHE].get(_key(before, after))
    return known


def _key(before: Revision, after: Revision) -> str:
    return f"changes-2:{before.digest}:{after.digest}"


def operations_at_stake(comparison: Comparison, before: Revision) -> set[str]:
    """The operations whose callers may break: every one of `before` when not all could be compared."""
    if comparison.skipped:
        return {operation_name(operation) for operation in before.operations}
    return {operation for change in comparison.breaking for operation in change.operations}


def kept_changes(comparison: Comparison) -> list[dict[str, Any]]:
    """The changes as Revision.changes keeps them, what breaks first."""
    return [asdict(change) for change in comparison.changes[:CHANGES_KEPT_AT_MOST]]


def _by_documents(before: Revision, after: Revision) -> Comparison:
    try:
        return compare_texts(before.document, after.document)
    except SourceFault:  # nested as deep as the stack of the import could just read
        return _by_operations(before, after)


def _by_operations(before: Revision, after: Revision) -> Comparison:
    return compare_contracts(_outline(before), _outline(after))


def _outline(revision: Revision) -> Mapping[str, Any]:
    """A document that says of a revision no more than which operations it has."""
    paths: dict[str, dict[str, Any]] = {}
    operations = list(revision.operations)
    if revision.passthrough:
        path = revision.passthrough["prefix"].rstrip("/") + "/{*}"
        operations = [{"method": method, "path": path} for method in revision.passthrough["methods"]]
    for operation in operations:
        told = {"deprecated": operation.get("deprecated") is True, "summary": operation.get("summary") or ""}
        paths.setdefault(operation["path"], {})[operation["method"].lower()] = told
    return {"openapi": "3.1.0", "paths": paths}
