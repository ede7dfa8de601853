"""Rehearsals in words: the titles of their steps, and what they came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy

from apim.listing import labelled
from apim.ui.said import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.utils.functional import _StrPromise

TITLES: Final[Mapping[str, _StrPromise]] = {
    "waiting": gettext_lazy("Waits for payment"),
    "trial": gettext_lazy("Trial"),
    "paid": gettext_lazy("Paid"),
    "usage": gettext_lazy("Usage"),
    "overage": gettext_lazy("Overage"),
    "failed-card": gettext_lazy("The card fails"),
    "grace": gettext_lazy("Grace"),
    "restricted": gettext_lazy("Restricted"),
    "suspended": gettext_lazy("Suspended"),
    "recovered": gettext_lazy("Recovered"),
    "refunded": gettext_lazy("Refunded"),
}


def step_title(name: str) -> str:
    """What a step is called."""
    return str(TITLES.get(name, name))


def outcome_words(outcome: str) -> str:
    """What a rehearsal came to: kept in English, a failure with the name of its step in front."""
    name, colon, why = outcome.partition(": ")
    return labelled(step_title(name), said(why)) if colon and name in TITLES else said(outcome)
