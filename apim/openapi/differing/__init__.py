"""Differing: what changed from one OpenAPI document to another, and whom it breaks.

Owns: the comparison of documents as a whole, order and lines. A change of a schema that many operations use is one
change, with the operations that reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apim.openapi.contract import Contract
from apim.openapi.differing.kinds import BY_ID, IMPACTS, KINDS, Impact, Kind
from apim.openapi.differing.ledger import Entry, Found, Ledger
from apim.openapi.differing.operations import OperationsComparison
from apim.openapi.differing.security import security_changes, security_work
from apim.openapi.differing.walk import SchemaWalk
from apim.openapi.differing.work import OPERATIONS, Work
from apim.openapi.positions import Pointer, TextPositions, pointer_text
from apim.openapi.source import SourceFault, read_source
from apim.openapi.values import Node, node, pointer_of, same, sequence, text

__all__ = ["IMPACTS", "KINDS", "Change", "Comparison", "Impact", "Kind", "Side", "compare_contracts", "compare_texts"]

CHANGES_AT_MOST: Final = 2000


@dataclass(frozen=True, slots=True)
class Side:
    """Where a change stands in one of the documents. Shapes: pointer as in RFC 6901; line from 1, 0 = unknown."""

    pointer: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs. Shapes: operations as people name them, `GET /accounts`; none = the whole document."""

    kind: str
    impact: Impact
    message: str
    operations: tuple[str, ...]
    before: Side
    after: Side

    @property
    def reason(self) -> str:
        """Why it breaks, or does not."""
        return BY_ID[self.kind].reason


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs, what breaks first.

    Shapes: left_out = changes beyond the most that are listed; skipped = what was not looked at, as sentences, because
    the documents ask for more work than one may: nobody knows what changed there.
    """

    changes: tuple[Change, ...]
    left_out: int = 0
    skipped: tuple[str, ...] = ()

    @property
    def breaking(self) -> tuple[Change, ...]:
        """What breaks callers."""
        return tuple(change for change in self.changes if change.impact == "breaking")

    @property
    def counts(self) -> dict[Impact, int]:
        """How many there are of each impact."""
        return {impact: sum(change.impact == impact for change in self.changes) for impact in IMPACTS}


def compare_texts(before: str, after: str) -> Comparison:
    """What changed from one text to another, with lines in both.

    Errors: SourceFault for a text that cannot be read or is no OpenAPI document of 3.0 or 3.1.
    """
    sources = [read_source(one) for one in (before, after)]
    entries, skipped = _entries(_document(sources[0].value), _document(sources[1].value))
    shown = entries[:CHANGES_AT_MOST]
    places = [
        TextPositions(text, source.format).lines(pointer_of(entry.found.where[side]) for entry in shown)
        for side, (text, source) in enumerate(zip((before, after), sources, strict=True))
    ]
    return Comparison(tuple(_change(entry, places) for entry in shown), len(entries) - len(shown), skipped)


def compare_contracts(before: Node, after: Node) -> Comparison:
    """As compare_texts, for documents that were read before: without lines. Total."""
    entries, skipped = _entries(before, after)
    shown = entries[:CHANGES_AT_MOST]
    return Comparison(tuple(_change(entry, [{}, {}]) for entry in shown), len(entries) - len(shown), skipped)


def _document(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not str(value.get("openapi", "")).startswith(("3.0", "3.1")):
        message = "This is not an OpenAPI document of 3.0 or 3.1."
        raise SourceFault(message, line=1, hint="It starts with `openapi: 3.1.0`.")
    return value


def _entries(before: Node, after: Node) -> tuple[list[Entry], tuple[str, ...]]:
    """(what changed, what breaks first; what was not looked at)."""
    contracts = Contract(before), Contract(after)
    work = Work()
    ledger, walk = Ledger(work), SchemaWalk(*contracts, work)
    _compare_tops(contracts, ledger)
    comparison = OperationsComparison(contracts, ledger, walk, work)
    for pair in comparison.compare(contracts[0].operations, contracts[1].operations):
        if not work.take(security_work(contracts, pair), OPERATIONS):
            break
        for found in security_changes(contracts, pair):
            ledger.add(found, pair[0].name)
    comparison.compare_webhooks()
    comparison.tell()
    walk.tell(ledger)
    entries = sorted(ledger.entries, key=lambda entry: IMPACTS.index(entry.impact))
    worst: dict[Found, Entry] = {}
    for entry in entries:
        worst.setdefault(entry.found, entry)  # what breaks answers and not requests is told once, as what breaks
    return list(worst.values()), tuple(dict.fromkeys((*contracts[0].skipped, *contracts[1].skipped, *work.skipped)))


def _compare_tops(contracts: tuple[Contract, Contract], ledger: Ledger) -> None:
    """What stands at the top of the documents: info, tags, servers."""
    old, new = (contract.data for contract in contracts)
    if same(old.get("info")) != same(new.get("info")):
        ledger.add(Found("info-changed", "What `info` says of the API.", ((None, "info"), (None, "info"))))
    if same(old.get("tags")) != same(new.get("tags")):
        ledger.add(Found("tags-changed", "What `tags` says.", ((None, "tags"), (None, "tags"))))
    urls = [[text(node(one).get("url")) for one in sequence(data.get("servers"))] for data in (old, new)]
    where = (None, "servers"), (None, "servers")
    known = set(urls[0]), set(urls[1])
    for url in urls[0]:
        if url not in known[1]:
            ledger.add(Found("server-removed", f"The server `{url}` is gone.", where))
    for url in urls[1]:
        if url not in known[0]:
            ledger.add(Found("server-added", f"The server `{url}` is new.", where))


def _change(entry: Entry, lines: list[dict[Pointer, int]]) -> Change:
    pointers = [pointer_of(at) for at in entry.found.where]
    before, after = (
        Side(pointer_text(pointer), found.get(pointer, 0)) for pointer, found in zip(pointers, lines, strict=True)
    )
    operations = tuple(sorted(entry.operations, key=lambda name: name.split(" ")[::-1]))
    return Change(entry.found.kind, entry.impact, entry.found.message, operations, before, after)
