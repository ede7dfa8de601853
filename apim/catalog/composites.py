"""Composites: operations of a revision that are made of several calls, as their owner writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext

from apim.catalog.operations import operation_name
from apim.errors import DomainError, Invalid, Problems
from gateway_sync.compositions import Composite, read_composite
from gateway_sync.policies.settings import nearest_hint
from gateway_sync.problems import Problem, Where

FIELD = "composites"
AT_MOST = 50


def parse_composites(value: object, operations: Iterable[Mapping[str, Any]], version_id: str = "") -> dict[str, Any]:
    """The composites by operation, as written, once nothing is wrong with them.

    Shapes: value = {"POST /transfers": {"steps": [...], ...}}; operations are those of the revision.
    Errors: Problems of catalog.composite, field `composites.<operation>.<setting>`.
    """
    if not isinstance(value, Mapping):
        message = gettext("Composites are a mapping of operations to what they are made of.")
        raise Invalid(
            "catalog.composite", message, field=FIELD, hint=gettext("Such as `POST /transfers: { steps: … }`.")
        )
    if len(value) > AT_MOST:
        raise Invalid(
            "catalog.composite",
            gettext("A version has at most %(most)s composites.") % {"most": AT_MOST},
            field=FIELD,
        )
    known = [operation_name(operation) for operation in operations]
    errors: list[DomainError] = []
    for operation, settings in value.items():
        if operation not in known:
            message = gettext("The version has no operation `%(operation)s`.") % {"operation": operation}
            hint = nearest_hint(str(operation), known) if known else gettext("Give the version a contract first.")
            errors.append(Invalid("catalog.composite", message, field=f"{FIELD}.{operation}", hint=hint))
        _, problems = read_composite(str(operation), settings, Where("version", version_id, FIELD))
        errors += [
            Invalid("catalog.composite", problem.message, field=problem.where.field, hint=problem.hint)
            for problem in problems
            if problem.is_error
        ]
    if errors:
        raise Problems(tuple(errors))
    return {str(operation): dict(settings) for operation, settings in value.items()}


def composite_of(operation: str, settings: object) -> tuple[Composite, tuple[Problem, ...]]:
    """A composite that was saved, and what is worth knowing about it."""
    return read_composite(operation, settings, Where("version", "", FIELD))
