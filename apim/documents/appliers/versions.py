"""The versions within an API document: contract, upstream, policies, composites and documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from apim.catalog.faults import DocumentProblem
from apim.catalog.models import API, APIVersion, Revision
from apim.catalog.services import create_version, save_revision, update_version
from apim.catalog.services.imports import operation_changes
from apim.catalog.services.sandboxes import name_sandbox_service
from apim.documents.reading import contract_of
from apim.documents.session import Spot
from apim.errors import DomainError, Invalid, Problems
from apim.openapi.source import read_source
from gateway_sync.policies.units import parse_duration_ms

_OPERATION_FIELDS = {
    "method": "method",
    "path": "path",
    "operationId": "operation_id",
    "summary": "summary",
    "tags": "tags",
    "deprecated": "deprecated",
}


_ATTRIBUTES = {
    "spec": "document",
    "operations": "operations",
    "passthrough": "passthrough",
    "upstream": "upstream",
    "policies": "policies",
    "composites": "composites",
}


def apply_version(api: API, spec: Mapping[str, Any], spot: Spot) -> tuple[APIVersion, tuple[str, ...]]:
    """The version as the document says, its state aside, and the fields that changed."""
    by = spot.session.by
    version = api.versions.filter(name=spec["name"]).first()
    fields: list[str] = []
    if version is None:
        version = create_version(api=api, name=spec["name"], by=by)
        fields.append("name")
    if spec.get("documentation", version.documentation) != version.documentation:
        update_version(version=version, changes={"documentation": spec["documentation"]}, by=by)
        fields.append("documentation")
    if "sandbox" in spec and _name_sandbox(version, spec["sandbox"], spot.below("sandbox")):
        fields.append("sandbox")
    if any(name in spec for name in _ATTRIBUTES):
        fields += _save_content(version, spec, spot)
    return version, tuple(fields)


def _name_sandbox(version: APIVersion, spec: Mapping[str, Any], spot: Spot) -> bool:
    """True when another service answers the sandbox now than before."""
    before = version.sandbox_upstream
    try:
        changed = name_sandbox_service(version=version, upstream=_upstream(spec, spot), by=spot.session.by)
    except Invalid as error:
        faults = error.errors if isinstance(error, Problems) else (error,)
        placed = [
            spot.below(*one.field.split(".")[1:]).error(one.code, one.message, one.hint)  # after `upstream`
            for one in faults
        ]
        raise Problems(tuple(placed)) from error
    return bool(changed.sandbox_upstream != before)


def _save_content(version: APIVersion, spec: Mapping[str, Any], spot: Spot) -> tuple[str, ...]:
    last = version.revisions.first()
    with _composites_placed(spec, spot):
        revision = save_revision(
            version=version,
            by=spot.session.by,
            document=_contract(spec, last, spot.below("spec")),
            upstream=_upstream(spec["upstream"], spot.below("upstream")) if "upstream" in spec else None,
            policies=spec.get("policies"),
            composites=spec.get("composites"),
            operations=_operations(spec["operations"]) if "operations" in spec else None,
            passthrough=spec.get("passthrough"),
        )
    if last is not None and revision.pk == last.pk:
        return ()
    spot.session.warnings += _warnings(version, last, revision)
    if "lifecycle" not in spec and version.state in {APIVersion.State.PUBLISHED, APIVersion.State.DEPRECATED}:
        spot.session.warnings.append(
            f"{version} stays {version.state} with what it was published with: revision {revision.number} is saved and"
            f" not in force. Give `lifecycle: {{ state: {version.state} }}` to publish it."
        )
    before = {name: getattr(last, name) for name in _ATTRIBUTES.values()} if last else {}
    return tuple(
        name for name, attribute in _ATTRIBUTES.items() if before.get(attribute) != getattr(revision, attribute)
    )


@contextmanager
def _composites_placed(spec: Mapping[str, Any], spot: Spot) -> Iterator[None]:
    """Say of a fault in a composite on which line of the document it is."""
    composites = spec.get("composites")
    names = sorted(map(str, composites), key=len, reverse=True) if isinstance(composites, Mapping) else []

    def placed(error: DomainError) -> DomainError:
        for name in names:
            if error.field == f"composites.{name}" or error.field.startswith(f"composites.{name}."):
                steps = [step for step in error.field.removeprefix(f"composites.{name}").split(".") if step]
                return spot.below("composites", name, *steps).error(error.code, error.message, error.hint)
        return error

    try:
        yield
    except Problems as error:
        raise Problems(tuple(placed(one) for one in error.errors)) from error


def _operations(listed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{attribute: one[name] for name, attribute in _OPERATION_FIELDS.items() if name in one} for one in listed]


def _contract(spec: Mapping[str, Any], last: Revision | None, spot: Spot) -> str | None:
    """The text of the contract; None when the version has it already, be it in other words."""
    if "spec" not in spec:
        return None
    contract = contract_of(spec["spec"], spot.session.files, spot.document, spot.at)
    if last is not None and last.document and contract.value and read_source(last.document).value == contract.value:
        return None
    return contract.text


def _upstream(spec: Mapping[str, Any], spot: Spot) -> dict[str, Any]:
    upstream: dict[str, Any] = {name: content for name, content in spec.items() if name != "timeout"}
    tls = spec.get("tls")
    if isinstance(tls, Mapping) and isinstance(tls.get("ca"), Mapping):
        at = spot.below("tls", "ca")
        upstream["tls"] = {**tls, "ca": contract_of(tls["ca"], spot.session.files, spot.document, at.at).text}
    if "timeout" in spec:
        milliseconds = parse_duration_ms(spec["timeout"])
        if milliseconds is None:
            message = f"`{spec['timeout']}` is not a duration."
            raise spot.below("timeout").error("documents.value", message, "Write `5s`, `250ms` or `1m`.")
        seconds, rest = divmod(milliseconds, 1000)
        upstream["timeout_s"] = milliseconds / 1000 if rest else seconds
    return upstream


def _warnings(version: APIVersion, last: Revision | None, revision: Revision) -> list[str]:
    found = [
        f"{version}: {change.operation} is gone; the products {', '.join(change.products)} named it."
        for change in (operation_changes(last, revision) if last else ())
        if change.is_warning
    ]
    if last is None or last.document != revision.document:
        found += [
            f"{version}: {DocumentProblem(**problem).sentence}"  # its line is the contract's, not that of the documents
            for problem in revision.problems
            if problem["severity"] == "error"
        ]
    return found
