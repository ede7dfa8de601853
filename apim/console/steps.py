"""The way from the set-up link to the console, in steps."""

from __future__ import annotations

LABELS = ("You and your organization", "Mail")


def steps(current: int) -> list[tuple[str, str]]:
    """The steps for components/stepper.html, counted from 1."""
    states = ("done" if number < current else "current" if number == current else "" for number in (1, 2))
    return list(zip(LABELS, states, strict=True))
