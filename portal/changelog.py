"""The changelog of an API: publications that callers notice, as entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from apim.catalog.models import Revision

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from django.db.models import QuerySet

    from apim.catalog.models import APIVersion

CHANGES_AN_ENTRY: Final = 30


@dataclass(frozen=True, slots=True)
class Entry:
    """A publication. Shapes: changes as Revision.changes, those of words alone left out; against = another version."""

    revision: Revision
    against: str
    changes: list[Mapping[str, Any]]
    left_out: int
    words: int

    @property
    def is_breaking(self) -> bool:
        """True when it breaks callers of what it takes the place of."""
        return any(change["impact"] == "breaking" for change in self.changes)

    @property
    def headline(self) -> str:
        """The entry in a few words."""
        number = len(self.changes) + self.left_out
        if self.against:
            return _("New version, compared with %(version)s") % {"version": self.against}
        if not number:
            return pgettext("an entry", "Published")
        if self.is_breaking:
            words = ngettext("%(number)d change, breaking", "%(number)d changes, some breaking", number)
        else:
            words = ngettext("%(number)d change", "%(number)d changes", number)
        return words % {"number": number}


def told(versions: Collection[APIVersion]) -> QuerySet[Revision]:
    """Publications that callers notice: the first of each version, and those that change its contract; newest first."""
    earlier = Revision.objects.filter(version=OuterRef("version"), published_at__lt=OuterRef("published_at"))
    published = Revision.objects.filter(version__in=versions, published_at__isnull=False)
    changed = Q(changes__isnull=False) & ~Q(changes=[])
    return (
        published.filter(changed | ~Q(Exists(earlier)))
        .select_related("version", "compared_with__version")
        .only("number", "published_at", "changes", "version__name", "compared_with__version__name")
        .order_by("-published_at", "-number")
    )


def entry_of(revision: Revision, *, is_narrowed: bool = False) -> Entry:
    """The revision as an entry; only what breaks when it is narrowed."""
    changes: list[Mapping[str, Any]] = revision.changes or []
    noticed = [change for change in changes if change["impact"] != "text"]
    shown = [change for change in noticed if change["impact"] == "breaking"] if is_narrowed else noticed
    before = revision.compared_with.version.name if revision.compared_with else ""
    return Entry(
        revision=revision,
        against="" if before == revision.version.name else before,
        changes=shown[:CHANGES_AN_ENTRY],
        left_out=max(0, len(shown) - CHANGES_AN_ENTRY),
        words=len(changes) - len(noticed),
    )
