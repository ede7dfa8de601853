"""What goes when an API goes, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apim.catalog.services import Consequences


def deletion_sentences(consequences: Consequences) -> tuple[str, ...]:
    """What deleting takes away, and what must be done first."""
    sentences = []
    if consequences.products:
        sentences.append(f"It is still in {_listed(consequences.products)}: take it out of there first.")
    if consequences.live_versions:
        sentences.append(f"{_listed(consequences.live_versions)} can be called now: archive the API first.")
    if consequences.versions:
        count = consequences.revisions
        gone = f"{_listed(consequences.versions)} with {count} revision{'' if count == 1 else 's'}"
        sentences.append(f"{gone} and the documentation are removed; usage records stay.")
    return (*sentences, "This cannot be undone. Archiving can.")


def archive_sentences(consequences: Consequences) -> tuple[str, ...]:
    """What archiving stops."""
    sentences = ["It leaves the portal. Nothing is lost: it can be restored as it was."]
    if consequences.live_versions:
        sentences.insert(0, f"Calls to {_listed(consequences.live_versions)} are answered with 404 not-found.")
    if consequences.products:
        sentences.append(f"{_listed(consequences.products)} no longer lets callers reach it.")
    return tuple(sentences)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
