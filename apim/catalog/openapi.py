"""OpenAPI documents: what a contract says that the catalogue needs, and what is wrong with it, with lines.

Owns: the operations and their faults; one broken operation costs itself and no other. Must not know: Django, network.
Nothing outside the document is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from apim.catalog.faults import DocumentProblem, Fault, locate_faults, repeated_key_faults
from apim.catalog.operations import METHODS, OPERATIONS_AT_MOST, Operation, clean_text, path_fault, template_shape
from apim.catalog.references import reference_faults
from apim.openapi.positions import Pointer
from apim.openapi.references import resolve_pointer
from apim.openapi.source import SourceFault, read_source

_TITLE_AT_MOST = 120
_BASE_PATH_AT_MOST = 255
_DESCRIPTION_AT_MOST = 20_000
_REF_HOPS_AT_MOST = 20
_VERSION = re.compile(r"\A3\.[01](\.\d+)?(-\S*)?\Z")
_VARIABLE = re.compile(r"\{([^{}]+)\}")
_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_OWN_SERVERS = "These servers are not used: every call goes to the upstream of the version."
_PATH_ITEM_FIELDS = frozenset({"$ref", "summary", "description", "servers", "parameters"})


@dataclass(frozen=True, slots=True)
class Document:
    """A contract as far as it could be read.

    Shapes: data is {} when nothing could be read; server_url is servers[0] when that is absolute, else "".
    """

    format: str
    data: Mapping[str, Any]
    operations: tuple[Operation, ...]
    problems: tuple[DocumentProblem, ...]
    title: str
    description: str
    base_path: str
    server_url: str

    @property
    def is_usable(self) -> bool:
        """True when it is an OpenAPI document, whatever is wrong inside."""
        return bool(self.data)


def parse_document(text: str) -> Document:
    """The contract in text, YAML or JSON, OpenAPI 3.0 or 3.1. Total: what is wrong is in `problems`."""
    document, faults, may_repeat_keys = _parse(text)
    if not document.is_usable:
        return document
    every = [*faults, *reference_faults(document.data)]
    if may_repeat_keys:
        every += repeated_key_faults(text, document.format)
    return replace(document, problems=locate_faults(every, text, document.format))


def read_contract(text: str) -> Document:
    """As parse_document, without looking for problems: for a text that was imported before. Many times faster."""
    return _parse(text)[0]


def _parse(text: str) -> tuple[Document, list[Fault], bool]:
    """The document, its faults so far, and whether some of its keys may be written twice."""
    try:
        source = read_source(text)
    except SourceFault as fault:
        return unusable("", DocumentProblem("", fault.line, fault.message, "error", fault.hint)), [], False
    if refusal := _refusal(source.value):
        return unusable(source.format, DocumentProblem("", 1, refusal[0], "error", refusal[1])), [], False
    data: dict[str, Any] = dict(source.value)  # type: ignore[call-overload]  # a mapping: _refusal has looked
    reader = _Reader(data)
    operations = tuple(reader.operations())
    base_path, server_url = reader.server()
    info = _mapping(data.get("info"))
    document = Document(
        format=source.format,
        data=data,
        operations=operations,
        problems=(),
        title=clean_text(info.get("title"), _TITLE_AT_MOST).strip(),
        description=clean_text(info.get("description"), _DESCRIPTION_AT_MOST),
        base_path=base_path,
        server_url=server_url,
    )
    return document, reader.faults, source.may_repeat_keys


class _Reader:
    """Walks paths once and keeps what is wrong."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.faults: list[Fault] = []

    def operations(self) -> Iterator[Operation]:
        """The sound operations, in the document's order."""
        seen: dict[tuple[str, str], str] = {}
        for path, item, pointer in self._path_items():
            for name, value in item.items():
                method = str(name).upper()
                if method not in METHODS or str(name) != str(name).lower():
                    self._judge_field(str(name), (*pointer, str(name)))
                    continue
                at = (*pointer, str(name))
                if not isinstance(value, Mapping):
                    self._fault(at, f"The operation {method} {path} is not a mapping.")
                    continue
                other = seen.setdefault((method, template_shape(path)), path)
                if other != path:
                    self._fault(at, f"{method} {path} matches the same requests as {method} {other}; it is left out.")
                    continue
                if len(seen) > OPERATIONS_AT_MOST:
                    self._fault(at, f"More than {OPERATIONS_AT_MOST:,} operations; the rest is left out.")
                    return
                self._judge_operation(path, item, value, at)
                yield _operation(method, path, value)

    def server(self) -> tuple[str, str]:
        """(path of the first server without a trailing slash, its URL when that is absolute)."""
        servers = self._data.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else {}
        url = first.get("url") if isinstance(first, Mapping) else None
        if not isinstance(url, str):
            if servers:
                self._fault(("servers",), "The first server has no URL; its path is taken as `/`.", "warning")
            return "", ""
        variables = _mapping(first.get("variables"))
        filled = _VARIABLE.sub(lambda m: _default_of(variables.get(m[1])), url)
        try:
            parts = urlsplit(filled)
        except ValueError:
            self._fault(("servers", "0", "url"), f"`{url}` is not a URL; its path is taken as `/`.", "warning")
            return "", ""
        path = parts.path.rstrip("/")
        if path and (path_fault(path) or "{" in path or len(path) > _BASE_PATH_AT_MOST or not filled.isprintable()):
            self._fault(("servers", "0", "url"), f"The path of `{url}` cannot be used; it is taken as `/`.", "warning")
            path = ""
        is_absolute = parts.scheme in {"http", "https"} and bool(parts.hostname)
        return path, f"{parts.scheme}://{parts.netloc}" if is_absolute and "@" not in parts.netloc else ""

    def _path_items(self) -> Iterator[tuple[str, Mapping[str, Any], Pointer]]:
        paths = self._data.get("paths", {})
        if not isinstance(paths, Mapping):
            self._fault(("paths",), "`paths` is not a mapping.")
            return
        if not paths:
            hint = "Webhooks alone cannot be called." if self._data.get("webhooks") else ""
            self._fault(("paths",), "The document has no paths, so there is nothing to call.", "warning", hint)
        for path, value in paths.items():
            if not isinstance(path, str) or path.startswith("x-"):
                continue
            pointer = ("paths", path)
            if fault := path_fault(path):
                self._fault(pointer, f"{fault} Its operations are left out.")
                continue
            item = self._resolved(value, pointer)
            if item is not None:
                if item.get("servers"):
                    self._fault((*pointer, "servers"), _OWN_SERVERS, "warning")
                yield path, item, pointer

    def _resolved(self, value: object, pointer: Pointer) -> Mapping[str, Any] | None:
        """The path item behind any references, with fields beside a reference winning (OpenAPI 3.1)."""
        fields: dict[str, Any] = {}
        for _ in range(_REF_HOPS_AT_MOST):
            if not isinstance(value, Mapping):
                self._fault(pointer, "This path is not a mapping; its operations are left out.")
                return None
            fields = {**value, **fields}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return fields
            if not reference.startswith("#"):
                return fields  # reported with the other external references; what stands beside it counts
            is_found, value = resolve_pointer(self._data, reference)
            if not is_found:
                self._fault(
                    (*pointer, "$ref"), f"`{reference}` leads nowhere; the operations of this path are left out."
                )
                return None
        self._fault(
            (*pointer, "$ref"), "These references go round in a circle; the operations of this path are left out."
        )
        return None

    def _judge_field(self, name: str, pointer: Pointer) -> None:
        if name in _PATH_ITEM_FIELDS or name.startswith("x-"):
            return
        hint = f"Write `{name.lower()}`." if name.upper() in METHODS else ""
        self._fault(pointer, f"`{name}` is not a method or a field of a path; it is left out.", hint=hint)

    def _judge_operation(self, path: str, item: Mapping[str, Any], value: Mapping[str, Any], at: Pointer) -> None:
        """Warnings: the operation can be called, but its description is not whole."""
        if not isinstance(value.get("responses"), Mapping) or not value["responses"]:
            self._fault((*at, "responses"), "The operation has no responses.", "warning")
        if value.get("servers"):  # a path's own servers are told once, at the path
            self._fault((*at, "servers"), _OWN_SERVERS, "warning")
        declared = {one for source in (item, value) for one in self._path_parameters(source)}
        for name in _PARAMETER.findall(path):
            if name not in declared:
                self._fault((*at, "parameters"), f"The parameter `{name}` of the path is not declared.", "warning")

    def _path_parameters(self, source: Mapping[str, Any]) -> Iterator[str]:
        parameters = source.get("parameters")
        for parameter in parameters if isinstance(parameters, list) else ():
            value = parameter
            if isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
                _, value = resolve_pointer(self._data, value["$ref"])
            if isinstance(value, Mapping) and value.get("in") == "path":
                yield str(value.get("name"))

    def _fault(self, pointer: Pointer, message: str, severity: str = "error", hint: str = "") -> None:
        self.faults.append(Fault(pointer, message, severity, hint))


def _operation(method: str, path: str, value: Mapping[str, Any]) -> Operation:
    tags = value.get("tags")
    return Operation(
        method=method,
        path=path,
        operation_id=clean_text(value.get("operationId")),
        summary=clean_text(value.get("summary")),
        tags=[clean_text(tag) for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        deprecated=value.get("deprecated") is True,
    )


def _refusal(value: object) -> tuple[str, str] | None:
    """(message, hint) when value is no OpenAPI 3 document at all."""
    if not isinstance(value, Mapping):
        return "This is not an OpenAPI document.", "It starts with `openapi: 3.1.0` or `openapi: 3.0.3`."
    if "swagger" in value:
        hint = "Convert it first, for example with `npx swagger2openapi` or in https://editor.swagger.io."
        return "Swagger 2.0 is not read; OpenAPI 3.0 and 3.1 are.", hint
    version = value.get("openapi")
    if version is None:
        return "The field `openapi` is missing.", "It starts with `openapi: 3.1.0` or `openapi: 3.0.3`."
    if not isinstance(version, str) or not _VERSION.match(version):
        return f"OpenAPI {clean_text(str(version))} is not read; 3.0 and 3.1 are.", 'Such as `openapi: "3.1.0"`.'
    return None


def unusable(format_name: str, problem: DocumentProblem) -> Document:
    """A document of which nothing could be read, and why."""
    return Document(format_name, {}, (), (problem,), "", "", "", "")


def _default_of(variable: object) -> str:
    value = variable.get("default") if isinstance(variable, Mapping) else None
    return str(value) if isinstance(value, str | int | float) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
