"""Credits as people read them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from apim.pricing.money import from_minor
from apim.pricing.words import amount_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import Promise

    from apim.billing.models import CreditGrant, LedgerEntry

_SOURCES: Final[Mapping[str, str | Promise]] = {
    "purchase": _("First top-up"),
    "top-up": _("Top-up"),
    "goodwill": _("Goodwill"),
    "recurring": _("Included in the plan"),
    "reversal": _("Given back again"),
}
_KINDS: Final[Mapping[str, str | Promise]] = {
    "draw": _("Usage"),
    "expiry": _("Ended unused"),
    "take-back": _("Taken back"),
    "cover": _("Usage beyond the credits, paid"),
}


def minor_words(minor: int, currency: str) -> str:
    """`1,234.50 EUR`, of minor units."""
    sign = "-" if minor < 0 else ""
    return sign + amount_words(from_minor(abs(minor), currency), currency)


def grant_words(grant: CreditGrant) -> str:
    """Where credits come from."""
    return str(_SOURCES[grant.source])


def entry_words(entry: LedgerEntry) -> str:
    """What a movement is."""
    if entry.kind == entry.Kind.DRAW and entry.grant_id is None:
        if not entry.amount:
            return str(_("New prices from here on"))
        return str(_("Usage beyond the credits"))
    return grant_words(entry.grant) if entry.kind == entry.Kind.GRANT and entry.grant else str(_KINDS[entry.kind])
