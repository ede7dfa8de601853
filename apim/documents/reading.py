"""Reading: the text of documents as checked values that remember where they stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from apim.confined.refusals import read_confined
from apim.documents.kinds import KINDS, KINDS_LATER, shape_of
from apim.documents.shapes import Fault, Pointer, judge, nearest
from apim.errors import DomainError, Invalid, Problems
from apim.openapi.manifests import read_manifests
from apim.openapi.positions import TextPositions, pointer_text
from apim.openapi.source import SourceFault, write_yaml

DOCUMENTS_AT_MOST = 5000


@dataclass(frozen=True, slots=True)
class Document:
    """One document. Shapes: index counts the documents of the text; text is the whole text it stood in."""

    kind: str
    name: str
    environment: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    index: int
    text: str

    def error(self, pointer: Iterable[str], code: str, message: str, hint: str = "") -> Invalid:
        """An error at a place in this document."""
        return located(Fault(tuple(pointer), code, message, hint), self.text, self.index, f"{self.kind} {self.name}")


@dataclass(frozen=True, slots=True)
class Contract:
    """An OpenAPI document inside a document. Shapes: value is {} when it came as the text of a file."""

    text: str
    value: Mapping[str, Any]


def read_documents(text: str) -> tuple[Document, ...]:
    """The documents of text, each of its kind's shape.

    Errors: Problems with every fault found, each with its line and pointer; those of read_confined.
    """
    try:
        read = read_confined(read_manifests, "documents", text)
    except SourceFault as fault:
        place = f"line {fault.line}: " if fault.line else ""
        raise Invalid("documents.syntax", f"{place}{fault.message}", hint=fault.hint, field="documents") from fault
    if len(read.values) > DOCUMENTS_AT_MOST:
        raise Invalid("documents.too_many", f"At most {DOCUMENTS_AT_MOST:,} documents at once.", field="documents")
    errors: list[DomainError] = []
    found: list[Document] = []
    for index, value in enumerate(read.values):
        if value is None:
            continue  # an empty document: a `---` too many
        faults = [*map(_twice_written, read.repeated.get(index, ())), *_faults(value)]
        errors += [located(fault, text, index, _label(value)) for fault in faults]
        if not faults and isinstance(value, dict):
            found.append(_document(value, index, text))
    errors += _twice(found)
    if errors:
        raise Problems(tuple(errors))
    if not found:
        raise Invalid("documents.empty", "There is no document here.", field="documents")
    return tuple(found)


def located(fault: Fault, text: str, index: int, label: str) -> Invalid:
    """The fault as an error that says its line; field is the pointer, after the number of the document."""
    line = TextPositions(text, "yaml", index).lines([fault.pointer])[fault.pointer]
    field = f"/{index}{pointer_text(fault.pointer)}"
    return Invalid(fault.code, f"line {line}: {label}: {fault.message}", hint=fault.hint, field=field)


def contract_of(spec: Mapping[str, Any], files: Mapping[str, str], document: Document, at: Pointer) -> Contract:
    """The OpenAPI document that a version's `spec` holds or names by `$file`.

    Errors: documents.file_missing.
    """
    if "$file" not in spec:
        return Contract(write_yaml(dict(spec)), spec)
    path = spec["$file"]
    if len(spec) > 1 or not isinstance(path, str):
        raise document.error(at, "documents.type", "`$file` stands alone and names one file.")
    text = next((files[name] for name in (path, path.removeprefix("./"), f"./{path}") if name in files), None)
    if text is None:
        hint = "Send its content along; `apim apply` does."
        raise document.error((*at, "$file"), "documents.file_missing", f"The file {path} did not come along.", hint)
    return Contract(text, {})


def _faults(value: object) -> list[Fault]:
    if not isinstance(value, Mapping):
        return [Fault((), "documents.type", "A document is a mapping with apiVersion, kind, metadata and spec.")]
    kind = value.get("kind")
    if kind in KINDS_LATER:
        return [Fault(("kind",), "documents.not_supported", f"The kind `{kind}` is not supported yet.")]
    if kind not in KINDS:
        message = f"Unknown kind `{kind}`." if kind else "`kind` is missing."
        return [Fault(("kind",), "documents.unknown_kind", message, nearest(str(kind), KINDS))]
    return list(judge(value, shape_of(str(kind))))


def _twice_written(repeated: tuple[Pointer, int]) -> Fault:
    pointer, line = repeated
    return Fault(pointer, "documents.field_twice", f"`{pointer[-1]}` is written twice, again on line {line}.")


def _label(value: object) -> str:
    """How messages name a document that may be broken."""
    if not isinstance(value, Mapping):
        return "document"
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return " ".join(str(part) for part in (value.get("kind") or "document", name) if part)


def _document(value: Mapping[str, Any], index: int, text: str) -> Document:
    metadata = value["metadata"]
    return Document(
        kind=value["kind"],
        name=metadata["name"],
        environment=metadata.get("environment", "default"),
        labels=metadata.get("labels", {}),
        spec=value.get("spec", {}),
        index=index,
        text=text,
    )


def _twice(documents: Iterable[Document]) -> Iterable[DomainError]:
    seen: set[tuple[str, ...]] = set()
    for document in documents:
        within = document.spec.get("organization") or document.spec.get("application") or ""
        key = (document.kind, document.name, document.environment, str(within))
        if key in seen:
            yield document.error(("metadata", "name"), "documents.twice", "Another document above has this name.")
        seen.add(key)
