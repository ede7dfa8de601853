"""The live preview of the document editor: what the portal's reference would show of a text, one operation at a time.

Owns: which operation is shown, and the outline beside it. The reference itself is the portal's own: apim.catalog reads
it and the portal's templates render it. What is sent does not grow with the document: one operation, one group.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from apim.catalog.confined import preview_confined
from apim.catalog.reference import Entry, Group, OperationDetail, Reference, reference_of, samples_for
from apim.catalog.searching import is_found_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from apim.catalog.faults import DocumentProblem
    from apim.catalog.models import APIVersion
    from apim.catalog.operation_lines import OperationLines
    from apim.catalog.samples import Sample

SHOWN_AT_ONCE: Final = 150  # operations in the outline; of more, one group is open
OVERVIEW: Final = "overview"
_KEPT: Final = 2  # texts a process remembers: who looks through a document sends it again and again
_SOMEWHERE: Final = "https://gateway.example"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. Shapes: all as the form sends them; "" = nothing said.

    show is an operation that was chosen, such as `GET /accounts`, or OVERVIEW; line is the cursor's; shown is what is
    seen now; words are looked for in the outline.
    """

    show: str = ""
    line: str = ""
    shown: str = ""
    language: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """A group in the outline. Shapes: entries with their numbers in the document; total counts those left out, too."""

    name: str
    first: str
    total: int
    entries: tuple[tuple[int, Entry], ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What is seen. Shapes: detail None = the overview; starts and end as in OperationLines."""

    reference: Reference
    fault: DocumentProblem | None = None
    detail: OperationDetail | None = None
    samples: Sequence[Sample] = ()
    sample: Sample | None = None
    outline: tuple[Listed, ...] = ()
    starts: tuple[int, ...] = ()
    end: int = 0
    total: int = 0
    number: int = -1
    is_former: bool = False

    @property
    def shown(self) -> str:
        """What the form sends back as what is seen now."""
        return self.detail.entry.name if self.detail else OVERVIEW

    @property
    def mark(self) -> str:
        """Differs when the outline does: a page that has it already is not sent it again."""
        listed = ((group.name, group.total, group.entries) for group in self.outline)
        return sha256(repr(tuple(listed)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Read:
    reference: Reference
    fault: DocumentProblem | None
    lines: OperationLines
    names: tuple[str, ...]


def preview_of(text: str, version: APIVersion, base_url: str, wish: Wish) -> Preview:
    """The preview of a text; of one that no document can be read of, why, and nothing else.

    Shapes: base_url is the version's, "" = not known.
    """
    read = _read(text)
    if read.fault is not None:
        return Preview(read.reference, read.fault)
    numbers = {name: number for number, name in enumerate(read.names)}
    number = _number(read, numbers, wish)
    entry = _entry(read.reference, read.names[number]) if number >= 0 else None
    found = Preview(
        read.reference,
        outline=tuple(_outline(read.reference, numbers, entry, wish.words)),
        starts=read.lines.starts,
        end=read.lines.end,
        total=len(numbers),
        number=number,
    )
    if entry is None:
        return found
    detail = read.reference.detail(entry)
    base = base_url or f"{_SOMEWHERE}/{version.api.name}/{version.name}"
    samples = samples_for(detail, base_url=base, key_header=version.api.key_header, key="YOUR_API_KEY")
    sample = next((each for each in samples if each.syntax == wish.language), samples[0])
    return replace(found, detail=detail, samples=samples, sample=sample)


@lru_cache(maxsize=_KEPT)
def _read(text: str) -> _Read:
    document, lines = preview_confined(text)
    if not document.is_usable:
        return _Read(reference_of(document), document.problems[0], lines, ())
    names = tuple(f"{one['method']} {one['path']}" for one in document.operations)
    return _Read(reference_of(document), None, lines, names)


def _number(read: _Read, numbers: dict[str, int], wish: Wish) -> int:
    """The number of the operation to show, -1 = the overview; the first where nothing was said."""
    if wish.show == OVERVIEW:
        return -1
    if wish.show in numbers:
        return numbers[wish.show]
    line = int(wish.line) if wish.line.isascii() and wish.line.isdigit() and len(wish.line) < 10 else 0  # noqa: PLR2004
    at = read.lines.at(line) if line else None
    if at is not None:
        return at
    if wish.shown == OVERVIEW or not numbers:
        return -1
    return numbers.get(wish.shown, 0)


def _entry(reference: Reference, name: str) -> Entry:
    return next(entry for group in reference.groups for entry in group.entries if entry.name == name)


def _outline(reference: Reference, numbers: dict[str, int], shown: Entry | None, words: str) -> Iterator[Listed]:
    """The groups, each with its operations while the whole fits; else the one of the operation shown alone is open."""
    if words:
        entries = (entry for group in reference.groups for entry in group.entries)
        found = [entry for entry in entries if is_found_in(f"{entry.name} {entry.summary}", words)]
        yield _listed(Group(_("Found"), "", "", tuple(found)), numbers, is_open=True)
        return
    is_whole = len(numbers) <= SHOWN_AT_ONCE
    for group in reference.groups:
        yield _listed(group, numbers, is_open=is_whole or (shown in group.entries if shown else False))


def _listed(group: Group, numbers: dict[str, int], *, is_open: bool) -> Listed:
    shown = group.entries[:SHOWN_AT_ONCE] if is_open else ()
    first = group.entries[0].name if group.entries else ""
    return Listed(group.name, first, len(group.entries), tuple((numbers[entry.name], entry) for entry in shown))
