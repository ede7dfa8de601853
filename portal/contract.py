"""Contracts as pages need them: parsed once, since a large one takes seconds and a revision never changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from apim.catalog.models import Revision
from apim.catalog.reference import Content, OperationDetail, Reference, build_reference, outline_reference

if TYPE_CHECKING:
    from apim.catalog.reference import Parameter

_KEPT = 4  # parsed documents a process keeps: the largest published ones take some 100 MB each
_SENT_FROM_HERE = ("path", "query", "header")


@dataclass(frozen=True, slots=True)
class Input:
    """One field of the form that tries an operation. Shapes: field is what send_call reads, such as `query:limit`."""

    id: str
    name: str
    place: str
    field: str
    is_required: bool
    example: str


@lru_cache(maxsize=_KEPT)
def _reference(revision_id: str) -> Reference:
    revision = Revision.objects.select_related("version__api").get(id=revision_id)
    if revision.document:
        return build_reference(revision.document)
    return outline_reference(revision.version.api.display_name, revision.operations)


def operation_detail(revision: Revision, method: str, path: str) -> OperationDetail | None:
    """What the contract says of one operation; None when its document does not have it."""
    reference = _reference(revision.id)
    for group in reference.groups:
        for entry in group.entries:
            if entry.method == method and entry.path == path:
                return reference.detail(entry)
    return None


def inputs_of(detail: OperationDetail) -> list[Input]:
    """The fields for everything that goes into the path, the query and the headers; examples only where needed."""
    return [
        Input(
            id=f"try-{number}",
            name=each.name,
            place=each.location,
            field=f"{each.location}:{each.name}",
            is_required=each.is_required,
            example=_example(each) if each.is_required else "",
        )
        for number, each in enumerate(detail.parameters)
        if each.location in _SENT_FROM_HERE
    ]


def body_of(detail: OperationDetail) -> Content | None:
    """The body that the form offers: JSON when the operation takes it, else the first kind it takes."""
    contents = detail.body.contents if detail.body else ()
    return next((each for each in contents if "json" in each.media_type), contents[0] if contents else None)


def _example(parameter: Parameter) -> str:
    if parameter.example is None:
        return ""
    return str(parameter.example).lower() if isinstance(parameter.example, bool) else str(parameter.example)
