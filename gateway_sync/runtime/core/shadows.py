"""Shadows: what policies in shadow would have done, counted by route until it is told.

Shapes: told as the anonymous cells of usage are, with status 0 and the code `shadow/<kind>/<what it would have done>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import RouteEntry

PREFIX = "shadow/"
MOST_ROUTES = 1000  # with counts between two tellings; calls of further ones are not counted


class Shadows:
    """The counts of one worker since they were told last."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._counts: dict[tuple[str, str], dict[tuple[str, str], int]] = {}

    def of(self, route: RouteEntry | None) -> dict[tuple[str, str], int]:
        """The counts of a route, to add to."""
        if route is None or len(self._counts) >= MOST_ROUTES:
            return {}
        return self._counts.setdefault(route.context, {})

    def take(self) -> Iterator[tuple[str, str, str, int]]:
        """(version id, route id, code, count) of all that was counted; counting begins anew."""
        counts, self._counts = self._counts, {}
        for (version_id, route_id), done in counts.items():
            for (kind, what), count in done.items():
                yield version_id, route_id, f"{PREFIX}{kind}/{what}", count
