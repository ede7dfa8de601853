"""Allowances: the calls that prepaid credits pay for, as a hard count that needs no window to end.

The control plane tells how many calls may be admitted in all since a moment: those it has charged for already, and
those that the balance still pays for. The gateway counts every call that it admits, so it never admits one that is not
paid for, however late usage is told; more credits raise the number.
"""

from __future__ import annotations

from typing import Final

from gateway_sync.runtime.core.limits import Cell, Charged, Terms
from gateway_sync.runtime.core.windows import BILLING_PERIOD

# A cell outlives its last call by so much; the control plane counts anew from a later moment long before.
KEPT_S: Final = 60 * 86_400
_DAY_S: Final = 86_400


class Allowance(Terms):
    """So many calls since a moment. It tells no RateLimit fields: the number is no quota of a period."""

    __slots__ = ("_since_s",)

    def __init__(self, calls: int, since_s: int) -> None:
        """A later moment counts from zero again."""
        super().__init__("credits", None, ((calls, BILLING_PERIOD),))
        self.code = "credits-exhausted"
        self._since_s = since_s

    def open_windows(self, now_s: int) -> None:
        """The one window, whose end moves on with the days."""
        super().open_windows(now_s)
        self._open_until = now_s + _DAY_S
        self.policy_field = self.left_template = b""

    def _window_of(self, per: str, now_s: int) -> tuple[int, int]:  # noqa: ARG002 - there is only one
        return self._since_s, max(now_s, self._since_s) + KEPT_S

    def charge(self, cell: Cell, now_ns: int, size: int = 0) -> tuple[str, int]:
        """As of any terms; what is above the allowance lacks credits, and no waiting helps."""
        code, _ = super().charge(cell, now_ns, size)
        return ("credits-exhausted", 0) if code else ("", 0)

    def left(self, cell: Cell, now_ns: int) -> tuple[int, ...]:  # noqa: ARG002 - as of any terms
        """Nothing is told."""
        return ()

    def settle(self, cell: Cell, now_ns: int) -> Charged:
        """Charge a cell that is the subject's only one."""
        code, wait_s = self.charge(cell, now_ns)
        return code, wait_s, b""
