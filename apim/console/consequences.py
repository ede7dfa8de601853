"""What goes when an API goes, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext, ngettext

from apim.listing import enumerated

if TYPE_CHECKING:
    from apim.catalog.services import Consequences


def deletion_sentences(consequences: Consequences) -> tuple[str, ...]:
    """What deleting takes away, and what must be done first."""
    sentences = []
    if consequences.products:
        sentences.append(
            gettext("It is still in %(products)s: take it out of there first.")
            % {"products": _listed(consequences.products)}
        )
    if consequences.live_versions:
        sentences.append(
            gettext("%(live_versions)s can be called now: archive the API first.")
            % {"live_versions": _listed(consequences.live_versions)}
        )
    if consequences.versions:
        count = consequences.revisions
        versions = _listed(consequences.versions)
        text = ngettext(
            "%(versions)s with %(count)d revision and the documentation are removed; usage records stay.",
            "%(versions)s with %(count)d revisions and the documentation are removed; usage records stay.",
            count,
        )
        sentences.append(text % {"versions": versions, "count": count})
    return (*sentences, gettext("This cannot be undone. Archiving can."))


def archive_sentences(consequences: Consequences) -> tuple[str, ...]:
    """What archiving stops."""
    sentences = [gettext("It leaves the portal. Nothing is lost: it can be restored as it was.")]
    if consequences.live_versions:
        sentences.insert(
            0,
            gettext("Calls to %(live_versions)s are answered with 404 not-found.")
            % {"live_versions": _listed(consequences.live_versions)},
        )
    if consequences.products:
        sentences.append(
            gettext("%(products)s no longer lets callers reach it.") % {"products": _listed(consequences.products)}
        )
    return tuple(sentences)


def _listed(names: tuple[str, ...]) -> str:
    return (
        names[0]
        if len(names) == 1
        else gettext("%(names)s and %(names2)s") % {"names": enumerated(names[:-1]), "names2": names[-1]}
    )
