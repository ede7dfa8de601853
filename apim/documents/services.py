"""Applying and exporting documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.catalog.comparisons import Comparisons, compared_ahead
from apim.documents.appliers import APPLIERS
from apim.documents.exporting import export_documents
from apim.documents.kinds import KINDS
from apim.documents.reading import read_documents
from apim.documents.session import Change, Session, relocated
from apim.errors import DomainError

__all__ = ["Applied", "Change", "apply_documents", "export_documents"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying did, or would do. Shapes: changes in the order of the documents, unchanged objects included."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]

    @property
    def has_changes(self) -> bool:
        """True when anything differs from what the documents say."""
        return any(change.action != "unchanged" for change in self.changes)


def apply_documents(
    *, text: str, files: Mapping[str, str], user: User, by: Actor, is_dry_run: bool = False, waiver: str = ""
) -> Applied:
    """Make everything in text so, or nothing of it.

    Shapes: files = {path as `$file` writes it: content}. A dry run does it all and takes it back, so what it tells is
    what would happen, refusals included. waiver = why callers may break, "" = they must not.
    Errors: those of read_documents and of every service involved, each with its line and document.
    """
    documents = sorted(read_documents(text), key=lambda document: KINDS.index(document.kind))

    def act(comparisons: Comparisons) -> Applied:
        session = Session(user=user, by=by, files=files, comparisons=comparisons, waiver=waiver)
        changes: dict[int, Change] = {}
        for document in documents:
            try:
                changes[document.index] = APPLIERS[document.kind](document, session)
            except DomainError as error:
                raise relocated(error, document) from error
        if is_dry_run:
            transaction.set_rollback(True)
        return Applied(tuple(changes[index] for index in sorted(changes)), tuple(session.warnings))

    return compared_ahead(act)
