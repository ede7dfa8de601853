"""The way from the set-up link to the console, in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS = (gettext_lazy("You and your organization"), gettext_lazy("Mail"))


def steps(current: int) -> list[tuple[str | _StrPromise, str]]:
    """The steps for components/stepper.html, counted from 1."""
    states = ("done" if number < current else "current" if number == current else "" for number in (1, 2))
    return list(zip(LABELS, states, strict=True))
