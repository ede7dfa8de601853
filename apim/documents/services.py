"""Applying and exporting documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import transaction

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.catalog.comparisons import Comparisons, compared_ahead
from apim.documents.appliers import APPLIERS
from apim.documents.exporting import export_documents
from apim.documents.kinds import KINDS
from apim.documents.reading import Document, read_documents
from apim.documents.session import Change, Session, relocated
from apim.errors import DomainError

__all__ = ["Applied", "Change", "Watch", "apply_documents", "export_documents"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did, or would do. Shapes: changes in the order of the documents, unchanged objects included."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    @property
    def has_changes(self) -> bool:
        """True when anything differs from what the documents say."""
        return any(change.action != "unchanged" for change in self.changes)


class Watch(Protocol):
    """Looks on while documents are applied, and may refuse what became of it by raising in `end`."""

    def look(self, documents: Sequence[Document]) -> None:
        """What is to be applied; before the transaction."""

    def begin(self) -> None:
        """Nothing of it is done; at the begin of each try, in its transaction."""

    def end(self) -> None:
        """All of it is done, and can be taken back."""


def apply_documents(
    *,
    text: str,
    files: Mapping[str, str],
    user: User,
    by: Actor,
    is_dry_run: bool = False,
    waiver: str = "",
    watch: Watch | None = None,
) -> Applied:
    """Make everything in text so, or nothing of it.

    Shapes: files = {path as `$file` writes it: content}. A dry run does it all and takes it back, so what it tells is
    what would happen, refusals included. waiver = why callers may break, "" = they must not.
    Errors: those of read_documents and of every service involved, each with its line and document; those of watch.
    """
    documents = sorted(read_documents(text), key=lambda document: KINDS.index(document.kind))
    if watch is not None:
        watch.look(documents)

    def act(comparisons: Comparisons) -> Applied:
        if watch is not None:
            watch.begin()
        session = Session(user=user, by=by, files=files, comparisons=comparisons, waiver=waiver)
        changes: dict[int, Change] = {}
        for document in documents:
            try:
                changes[document.index] = APPLIERS[document.kind](document, session)
            except DomainError as error:
                raise relocated(error, document) from error
        if watch is not None and comparisons.is_complete:
            watch.end()
        if is_dry_run:
            transaction.set_rollback(True)
        return Applied(tuple(changes[index] for index in sorted(changes)), tuple(session.warnings))

    return compared_ahead(act)
