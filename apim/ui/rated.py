"""What rating says of a line of an invoice, and of other models, in the reader's language.

Owns: knowing again what pure pricing said in English, which may be stored. Must not know: how a line is rated. Total:
what is not known is shown as it is.
"""

from __future__ import annotations

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_N: Final = r"[\d,]+"
_PHRASES: Final[dict[str, Promise]] = {
    "once": _("once"),
    "each day": _("each day"),
    "each week": _("each week"),
    "each month": _("each month"),
    "each year": _("each year"),
    "included": _("included"),
    "top-ups": _("top-ups"),
    "paid from credits": _("paid from credits"),
    "free in the trial": _("free in the trial"),
    "up to the minimum": _("up to the minimum"),
    "minimum spend": _("minimum spend"),
    "maximum spend": _("maximum spend"),
    "up to the minimum spend": _("up to the minimum spend"),
    "what is above the maximum spend": _("what is above the maximum spend"),
}
_PATTERNS: Final[tuple[tuple[re.Pattern[str], Promise], ...]] = (
    (re.compile(rf"packages of (?P<size>{_N}), each begun one"), _("packages of %(size)s, each begun one")),
    (re.compile(rf"above (?P<bound>{_N})"), _("above %(bound)s")),
    (re.compile(rf"up to (?P<bound>{_N})"), _("up to %(bound)s")),
    (re.compile(rf"(?P<from>{_N}) to (?P<to>{_N})"), _("%(from)s to %(to)s")),
    (re.compile(r"One by one at (?P<price>[\d.,]+)"), _("One by one at %(price)s")),
    (re.compile(r"Graduated at (?P<price>[\d.,]+)"), _("Graduated at %(price)s")),
    (re.compile(r"Volume at (?P<price>[\d.,]+)"), _("Volume at %(price)s")),
    (re.compile(rf"Packages of (?P<size>{_N}) at (?P<price>[\d.,]+)"), _("Packages of %(size)s at %(price)s")),
)
_TIER: Final = ": once for the tier"
_TRIAL: Final = ", free in the trial"


def rated(words: str) -> str:
    """The words in the language of now."""
    if words.endswith(_TRIAL):
        return gettext("%(detail)s, free in the trial") % {"detail": rated(words.removesuffix(_TRIAL))}
    if words.endswith(_TIER):
        return gettext("%(bound)s: once for the tier") % {"bound": rated(words.removesuffix(_TIER))}
    if (phrase := _PHRASES.get(words)) is not None:
        return str(phrase)
    for pattern, template in _PATTERNS:
        if (found := pattern.fullmatch(words)) is not None:
            return str(template) % found.groupdict()
    return words
