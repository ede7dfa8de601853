"""Caps: how much of a meter a billing period admits, counted as the meter counts it.

A meter counts calls, what operations of them weigh, or bytes; of all calls, or of those of some operations or with some
status. What is known as a call begins is debited then, and its status taken for one that counts; the rest is set right
when it has ended. So what counted is never above a cap of calls or weights, and above one of bytes by no more than the
answers that are under way as it is reached.

Owns: what a call counts for. Must not know: where cells live, what is billed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from gateway_sync.policies.patterns import weight_of
from gateway_sync.runtime.core.limits import BYTES, CALLS, MOST_COUNTED, UNITS, Terms
from gateway_sync.runtime.core.windows import BILLING_PERIOD
from gateway_sync.snapshot import Cap

_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": eq, "!=": ne, "<=": le, ">=": ge, "<": lt, ">": gt,
}  # fmt: skip
_BY_OPERATION: Final = ("method", "operation")


def weight_in(cap: Cap, operation: str) -> int:
    """What a call of an operation weighs for the meter; 0 = it does not count, however it ends."""
    told = {"method": operation.partition(" ")[0], "operation": operation}
    by_operation = [each for each in cap.where if each[0] in _BY_OPERATION]
    if not all(_COMPARE[comparison](told[name], value) for name, comparison, value in by_operation):
        return 0
    return weight_of(dict(cap.weights), operation)


class CapTerms(Terms):
    """A cap as terms of a cell of its own, for calls of one weight."""

    __slots__ = ("_cap", "_conditions", "_weight")

    def __init__(self, cap: Cap, weight: int, billing: tuple[str, int], *, is_lent: bool) -> None:
        """Shapes: weight as of weight_in, above 0; billing as of Terms."""
        is_of_calls = cap.source == "requests"
        unit = BYTES if not is_of_calls else UNITS if cap.weights else CALLS
        super().__init__(
            "rate",
            None,
            [(cap.hard, BILLING_PERIOD)] if cap.hard else (),
            soft_quotas=[(cap.soft, BILLING_PERIOD)] if cap.soft else (),
            billing=billing,
            is_lent=is_lent,
            unit=unit,
            cost=weight,
        )
        self._cap, self._weight = cap, weight
        self._conditions = [each for each in cap.where if each[0] not in _BY_OPERATION]
        self.code = f"cap:{cap.meter}"  # told to callers as quota-exceeded, with what `fault` says
        self.cell_prefix = f"cap/{cap.meter}:"
        self.suffix = f"-{cap.meter}"
        self.is_settled = not is_of_calls or bool(self._conditions)

    def amount_of(self, size: int) -> int:
        """What a call counts for when it is admitted, as far as it is known then."""
        return self.owed(0, size, 0)

    def owed(self, status: int, request_bytes: int, response_bytes: int) -> int:
        """What a call counts for by what is known of it. Shapes: status 0 = not known, taken for one that counts."""
        if status:
            told = {"status": status, "status_class": status // 100}
            if not all(_COMPARE[comparison](told[name], value) for name, comparison, value in self._conditions):
                return 0
        source = self._cap.source
        if source == "requests":
            return self._weight
        request = 0 if source == "response-bytes" else request_bytes
        response = 0 if source == "request-bytes" else response_bytes
        return min((request + response) * self._weight, MOST_COUNTED)

    @property
    def fault(self) -> str:
        """Why a call is refused that goes beyond it, and what lifts it."""
        of = {CALLS: "calls", UNITS: "units", BYTES: "bytes"}[self.unit]
        return (
            f"The plan's cap of {self._cap.hard:,} {of} of the meter {self._cap.meter} in a billing period leaves no"
            " room for this call. Calls pass again with the next period, or by a plan with a higher cap."
        )
