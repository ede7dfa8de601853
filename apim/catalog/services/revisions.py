"""Revisions: every saved change of what a version is made of, numbered and never edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils.translation import gettext

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.composites import parse_composites
from apim.catalog.confined import parse_confined
from apim.catalog.models import APIVersion, Revision
from apim.catalog.openapi import Document
from apim.catalog.operations import METHODS, parse_operations, path_fault
from apim.catalog.services.versions import lock, require_active
from apim.catalog.upstreams import parse_upstream
from apim.errors import Conflict, Invalid, Problems
from apim.listing import enumerated
from gateway_sync.policies import ACCUMULATING, read_policy
from gateway_sync.problems import Where

_CONTENT = ("document", "operations", "passthrough", "base_path", "upstream", "policies", "composites")
_POLICIES_AT_MOST = 100
_NOTE_AT_MOST = 255


@transaction.atomic
def save_revision(
    *,
    version: APIVersion,
    by: Actor,
    document: str | None = None,
    parsed: Document | None = None,
    upstream: Mapping[str, Any] | None = None,
    policies: Sequence[Mapping[str, Any]] | None = None,
    composites: Mapping[str, Any] | None = None,
    operations: Sequence[Mapping[str, Any]] | None = None,
    passthrough: Mapping[str, Any] | None = None,
    note: str = "",
) -> Revision:
    """The version's next revision; the last one again when nothing differs.

    Shapes: None keeps the last revision's value. document "" drops the contract; parsed = it, where it was read
    already. A document brings its operations, and a pass-through ends with it; operations given by hand belong to
    versions without a document.
    Errors: those of parse_confined and parse_operations, catalog.document, catalog.upstream, catalog.policy,
    catalog.composite (also for one whose operation is gone), catalog.passthrough;
    Conflict catalog.operations_from_document, catalog.api_archived, catalog.transition (a retired version).
    """
    require_active(version.api)
    lock(version)  # one number after the other
    last = version.revisions.first()
    revision = _next_of(version, last)
    if document is not None and (last is None or document != last.document):
        _take_document(revision, document, parsed)
    if operations is not None:
        _take_operations(revision, operations)
    if passthrough is not None:
        _take_passthrough(revision, passthrough)
    if upstream is not None:
        revision.upstream = parse_upstream(upstream)
    if policies is not None:
        revision.policies = parse_policies(policies, version)
    if composites is not None or revision.composites:
        written = revision.composites if composites is None else composites
        revision.composites = parse_composites(written, revision.operations, version.pk)
    revision.digest = _digest(revision)
    if last is not None and last.digest == revision.digest:
        return last
    if version.state == APIVersion.State.RETIRED:
        raise Conflict(
            "catalog.transition",
            gettext("%(version)s is retired.") % {"version": version},
            hint=gettext("Make a new version."),
        )
    revision.note = note[:_NOTE_AT_MOST]
    revision.created_by = by.label
    revision.save()
    record(
        by=by,
        action="revision.save",
        target=revision,
        before=_outline(last) if last else None,
        after=_outline(revision),
        organization_id=version.api.organization_id,
        reason=note,
    )
    return revision


def parse_policies(policies: Sequence[Mapping[str, Any]], version: APIVersion) -> list[dict[str, Any]]:
    """The policies as written, once each kind has accepted its settings.

    Errors: Problems of catalog.policy, field `policies.<index>.<setting>`.
    """
    errors: list[Invalid] = []
    places: set[tuple[str, str]] = set()
    if len(policies) > _POLICIES_AT_MOST:
        message = gettext("A version has at most %(most)s policies.") % {"most": _POLICIES_AT_MOST}
        raise Invalid("catalog.policy", message, field="policies")
    for index, policy in enumerate(policies):
        field = f"policies.{index}"
        if not isinstance(policy, Mapping) or len(policy) != 1:
            message = gettext("A policy is one pair: its kind and its settings.")
            errors.append(
                Invalid("catalog.policy", message, field=field, hint=gettext("Such as `size-limit: { max: 1MiB }`."))
            )
            continue
        kind, settings = next(iter(policy.items()))
        read, problems = read_policy(str(kind), settings, Where("version", version.pk))
        if read is not None and kind not in ACCUMULATING:
            place = kind, json.dumps([read.operations, read.is_shadow])
            if place in places:
                errors.append(
                    Invalid(
                        "catalog.policy",
                        gettext("`%(kind)s` is written twice for the same operations.") % {"kind": kind},
                        field=field,
                    )
                )
            places.add(place)
        errors += [
            Invalid(
                "catalog.policy", problem.message, field=f"{field}.{problem.where.field}".rstrip("."), hint=problem.hint
            )
            for problem in problems
            if problem.is_error
        ]
    if errors:
        raise Problems(tuple(errors))
    return [dict(policy) for policy in policies]


def _next_of(version: APIVersion, last: Revision | None) -> Revision:
    if last is None:
        return Revision(version=version, number=1)
    return Revision(
        version=version,
        number=last.number + 1,
        document_format=last.document_format,
        problems=last.problems,
        **{name: getattr(last, name) for name in _CONTENT},
    )


def _take_document(revision: Revision, text: str, parsed: Document | None) -> None:
    if not text.strip():
        revision.document = revision.document_format = revision.base_path = ""
        revision.operations, revision.problems = [], []
        return
    document = parsed or parse_confined(text)
    if not document.is_usable:
        raise Problems(
            tuple(
                Invalid("catalog.document", problem.sentence, field="document", hint=problem.hint)
                for problem in document.problems
            )
        )
    revision.document = text
    revision.document_format = document.format
    revision.operations = list(document.operations)
    revision.base_path = document.base_path
    revision.problems = [asdict(problem) for problem in document.problems]
    revision.passthrough = None


def _take_operations(revision: Revision, operations: Sequence[Mapping[str, Any]]) -> None:
    if revision.document:
        message = gettext("The operations of %(version)s come from its document.") % {"version": revision.version}
        raise Conflict(
            "catalog.operations_from_document",
            message,
            field="operations",
            hint=gettext("Import a changed document instead."),
        )
    revision.operations = list(parse_operations(operations))
    if revision.operations:
        revision.passthrough = None


def _take_passthrough(revision: Revision, passthrough: Mapping[str, Any]) -> None:
    methods = [str(method).upper() for method in passthrough.get("methods") or ()]
    prefix = str(passthrough.get("prefix") or "/")
    if unknown := [method for method in methods if method not in METHODS]:
        hint = gettext("Choose from %(names)s.") % {"names": enumerated(METHODS)}
        raise Invalid(
            "catalog.passthrough",
            gettext("`%(method)s` is not a method.") % {"method": unknown[0]},
            field="passthrough.methods",
            hint=hint,
        )
    if not methods:
        raise Invalid("catalog.passthrough", gettext("Name one method at least."), field="passthrough.methods")
    if fault := path_fault(prefix) or (gettext("A prefix has no parameters.") if "{" in prefix else ""):
        raise Invalid("catalog.passthrough", fault, field="passthrough.prefix")
    revision.passthrough = {"methods": sorted(set(methods)), "prefix": prefix.rstrip("/") or "/"}
    revision.document = revision.document_format = revision.base_path = ""
    revision.operations, revision.problems = [], []


def _digest(revision: Revision) -> str:
    content = {name: getattr(revision, name) for name in _CONTENT}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _outline(revision: Revision) -> dict[str, Any]:
    """What the audit log keeps: the revision itself is never edited and holds the rest."""
    return {
        "number": revision.number,
        "digest": revision.digest,
        "operations": len(revision.operations),
        "passthrough": revision.passthrough,
        "upstream": revision.upstream,
        "policies": revision.policies,
        "composites": revision.composites,
    }
