"""What a browser calls itself, in words that its owner knows."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

# In this order: nearly all say they are Mozilla, and those in front pretend to be those behind.
_BROWSERS: Final = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrom", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)  # fmt: skip
_LONGEST: Final = 60


def browser_words(agent: str) -> str:
    """Such as `Firefox on Linux`; the beginning of what it says, when that is no browser known here."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or agent[:_LONGEST]
