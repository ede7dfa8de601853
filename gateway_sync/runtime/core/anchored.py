"""Anchored quotas: days, months and billing periods of a subscription, counted from its own beginning.

Each has a cell of its own, named by what it is counted from: a subscription that begins to be billed, or whose plan
counts otherwise, begins a new one on every gateway alike, and none takes up what another window counted.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.runtime.core.limits import BYTES, CALLS, UNITS, Terms
from gateway_sync.runtime.core.windows import BILLING_PERIOD, anchored_window

_SUFFIXES: Final = {CALLS: "", UNITS: "-units", BYTES: "-bytes"}


class AnchoredTerms(Terms):
    """A quota counted from a subscription's anchor."""

    __slots__ = ("_anchor_s", "_interval")

    def __init__(
        self, requests: int, interval: str, anchor_s: int, *, unit: str = CALLS, cost: int = 1, is_lent: bool = False
    ) -> None:
        """Shapes: interval and anchor_s as of anchored_window; the rest as of Terms."""
        super().__init__("rate", None, [(requests, BILLING_PERIOD)], is_lent=is_lent, unit=unit, cost=cost)
        self._interval, self._anchor_s = interval, anchor_s
        self.cell_prefix = f"anchored/{interval}/{anchor_s}/{unit}:"
        self.suffix = f"-{interval}{_SUFFIXES[unit]}"

    def _window_of(self, per: str, now_s: int) -> tuple[int, int]:  # noqa: ARG002 - it has one
        return anchored_window(self._interval, self._anchor_s, now_s)
