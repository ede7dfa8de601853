"""The arms of a canary side by side: weight, share, and how each does. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apim.console.targets import ArmView

_NOTED = re.compile(r"([a-z0-9][a-z0-9-]{0,29})\.(\d{1,15})\.(\d{1,15})")


@dataclass(frozen=True, slots=True)
class ArmRow:
    """An arm. Shapes: seen is None where no gateway told of it; fresh_* count since the page was opened."""

    name: str
    weight: int
    share_percent: float
    seen: ArmView | None
    fresh_calls: int
    fresh_failures: int

    @property
    def fresh_percent(self) -> float | None:
        """Failures among the calls since then."""
        return self.fresh_failures * 100 / self.fresh_calls if self.fresh_calls else None


def arm_rows(weights: Mapping[str, int], seen: Iterable[ArmView], since: str) -> tuple[list[ArmRow], str]:
    """The rows in the order of the weights, and the counts to compare with next time.

    Shapes: since is `arm.calls.failures` with spaces between, as given back; "" = as of now. A worker that started
    anew counts from 0: then what is less than noted counts as fresh.
    """
    views = {view.name: view for view in seen}
    noted = {name: (int(calls), int(failures)) for name, calls, failures in _NOTED.findall(since[:2000])}
    if not noted:
        noted = {name: (view.requests, view.failures) for name, view in views.items()}
    total = sum(weights.values())
    rows = []
    for name, weight in weights.items():
        view = views.get(name)
        calls, failures = (view.requests, view.failures) if view else (0, 0)
        then = noted.get(name, (0, 0))
        then = then if then[0] <= calls and then[1] <= failures else (0, 0)
        share = weight * 100 / total if total else 0.0
        rows.append(ArmRow(name, weight, share, view, calls - then[0], failures - then[1]))
    return rows, " ".join(f"{name}.{calls}.{failures}" for name, (calls, failures) in noted.items())


def stable_arm(written: Mapping[str, int]) -> str:
    """The arm to go back to: the heaviest as the revision has them, the first of equals; "" without arms."""
    return max(written, key=lambda name: written[name], default="")


def aborted(weights: Mapping[str, int], written: Mapping[str, int]) -> dict[str, int]:
    """The weights with all calls to the stable arm."""
    stable = stable_arm(written)
    return {name: 100 if name == stable else 0 for name in weights}
