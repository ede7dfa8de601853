"""The rules of axe that pages are held to: WCAG 2.0, 2.1 and 2.2, A and AA, whatever the impact; and best practice."""

from __future__ import annotations

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What colours and widths change; all that axe knows is asked once a page.
DIFFERING = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]
