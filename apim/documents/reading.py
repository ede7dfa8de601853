"""Reading: the text of documents as checked values that remember where they stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

from apim.confined.refusals import read_confined
from apim.documents.kinds import KINDS, KINDS_LATER, shape_of
from apim.documents.shapes import Fault, Pointer, judge, nearest
from apim.errors import Invalid, Problems
from apim.openapi.manifests import Manifests, lines_of, read_manifests
from apim.openapi.positions import pointer_text
from apim.openapi.source import SourceFault, write_yaml

DOCUMENTS_AT_MOST = 5000
FAULTS_AT_MOST = 100


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

    def line(self, pointer: Pointer) -> int:
        """Where a place stands in the text. Errors: those of read_confined."""
        return read_confined(lines_of, "documents", self.text, [(self.index, pointer)])[0]

    def error(self, pointer: Iterable[str], code: str, message: str, hint: str = "", *, line: int = 0) -> Invalid:
        """An error at a place in this document. Shapes: line 0 = it is to be looked for."""
        told = _Told(Fault(tuple(pointer), code, message, hint), self.index, f"{self.kind} {self.name}")
        return _error(told, line or self.line(told.fault.pointer))


class _Told(NamedTuple):
    """A fault of a document. Shapes: number counts the documents of the text; label is how messages name it."""

    fault: Fault
    number: int
    label: str


@dataclass(frozen=True, slots=True)
class Contract:
    """An OpenAPI document inside a document. Shapes: value is {} when it came as the text of a file."""

    text: str
    value: Mapping[str, Any]


def read_documents(text: str) -> tuple[Document, ...]:
    """The documents of text, each of its kind's shape.

    Errors: Problems with the first faults found, each with its line and pointer; those of read_confined.
    """
    try:
        read = read_confined(read_manifests, "documents", text)
    except SourceFault as fault:
        place = f"line {fault.line}: " if fault.line else ""
        raise Invalid("documents.syntax", f"{place}{fault.message}", hint=fault.hint, field="documents") from fault
    if len(read.values) > DOCUMENTS_AT_MOST:
        raise Invalid("documents.too_many", f"At most {DOCUMENTS_AT_MOST:,} documents at once.", field="documents")
    found: list[Document] = []
    told = list(islice(chain(_judged(read, text, found), _twice(found)), FAULTS_AT_MOST + 1))
    if told:
        raise Problems(tuple(_located(text, told)))
    if not found:
        raise Invalid("documents.empty", "There is no document here.", field="documents")
    return tuple(found)


def _judged(read: Manifests, text: str, found: list[Document]) -> Iterator[_Told]:
    """Every fault, one by one, so that who asks may stop; documents without any go to found."""
    for index, value in enumerate(read.values):
        if value is None:
            continue  # an empty document: a `---` too many
        is_sound = True
        for fault in chain(map(_twice_written, read.repeated.get(index, ())), _faults(value)):
            is_sound = False
            yield _Told(fault, index, _label(value))
        if is_sound and isinstance(value, dict):
            found.append(_document(value, index, text))


def _located(text: str, told: Sequence[_Told]) -> Iterator[Invalid]:
    """The first faults with their lines, found in one scan by a reader: a scan for each could go on for hours."""
    shown = told[:FAULTS_AT_MOST]
    lines = read_confined(lines_of, "documents", text, [(each.number, each.fault.pointer) for each in shown])
    for each, line in zip(shown, lines, strict=True):
        yield _error(each, line)
    if len(told) > len(shown):
        message = f"There are more than {FAULTS_AT_MOST} faults; the others are not shown."
        yield Invalid("documents.more_faults", message, field="documents")


def _error(told: _Told, line: int) -> Invalid:
    fault, number, label = told
    field = f"/{number}{pointer_text(fault.pointer)}"
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


def _faults(value: object) -> Iterable[Fault]:
    if not isinstance(value, Mapping):
        return [Fault((), "documents.type", "A document is a mapping with apiVersion, kind, metadata and spec.")]
    kind = value.get("kind")
    if kind in KINDS_LATER:
        return [Fault(("kind",), "documents.not_supported", f"The kind `{kind}` is not supported yet.")]
    if kind not in KINDS:
        message = f"Unknown kind `{kind}`." if kind else "`kind` is missing."
        return [Fault(("kind",), "documents.unknown_kind", message, nearest(str(kind), KINDS))]
    return judge(value, shape_of(str(kind)))


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


def _twice(documents: Iterable[Document]) -> Iterator[_Told]:
    seen: set[tuple[str, ...]] = set()
    for document in documents:
        within = document.spec.get("organization") or document.spec.get("application") or ""
        key = (document.kind, document.name, document.environment, str(within))
        if key in seen:
            fault = Fault(("metadata", "name"), "documents.twice", "Another document above has this name.")
            yield _Told(fault, document.index, f"{document.kind} {document.name}")
        seen.add(key)
