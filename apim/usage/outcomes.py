"""What gateways say of a try with one word, as people read it; a word that is not known stays."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy

_TRIES: Final = {
    "abandoned": gettext_lazy("the caller went away"),
    "answered": gettext_lazy("answered"),
    "internal-error": gettext_lazy("a fault of the gateway"),
    "invalid": gettext_lazy("an answer that was no HTTP"),
    "no-healthy-target": gettext_lazy("no healthy target"),
    "not-run": gettext_lazy("not run"),
    "overloaded": gettext_lazy("no room"),
    "reset": gettext_lazy("the connection broke"),
    "skipped": gettext_lazy("left out"),
    "status": gettext_lazy("an answer with 5xx"),
    "timeout": gettext_lazy("no answer in time"),
    "too-large": gettext_lazy("the answer was too large"),
    "unreachable": gettext_lazy("not reached"),
    "unreached": gettext_lazy("not reached"),
}


def try_words(outcome: str) -> str:
    """How a try or a step ended, or why it was tried again."""
    return str(_TRIES.get(outcome, outcome))
