"""A clock that tests move under a running product: months of billing pass while a few seconds go by.

Only the wall clock moves; what measures how long something takes goes on as it is.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import PATIENCE_S, wait_until

_FOLDER = Path(__file__).parent / "moving_clock"


@dataclass(slots=True)
class MovingClock:
    """Shapes: path = the file that the product's processes read their lead from; it begins at none."""

    path: Path
    lead_s: int = 0

    def variables(self) -> dict[str, str]:
        """What a product that lives by this clock finds in its environment."""
        return {"PYTHONPATH": str(_FOLDER), "TESTS_CLOCK": str(self.path)}

    def advance(self, stripe_url: str, *, days: float = 0, hours: float = 0) -> None:
        """Move on; the stand-in for Stripe, which lives by the clock too, has done what fell due when this returns."""
        before = _now_of(stripe_url)
        moved_s = int(days * 86_400 + hours * 3600)
        self.jump(moved_s)
        wait_until(lambda: _now_of(stripe_url) >= before + moved_s, "the stand-in has moved on")

    def jump(self, seconds: int) -> None:
        """Move on, or back; each process does so within moments."""
        self.lead_s += seconds
        beside = self.path.with_suffix(".new")
        beside.write_text(str(self.lead_s))
        beside.replace(self.path)


def _now_of(stripe_url: str) -> int:
    """The time at the stand-in, after it did what is due."""
    request = urllib.request.Request(  # noqa: S310 - the stand-in
        f"{stripe_url}/_control/time", json.dumps({"seconds": 0}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - the stand-in
        return int(json.loads(answer.read())["now"])
