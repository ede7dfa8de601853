"""Pages of access logs, encoded once and kept for a moment: gateways that come together ask for the same ones.

Owns: which page of which log is made, by one thread while the others wait for it. A page that is a little old is right
all the same: what changed since stands further on in the log, and whoever reads on finds it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

_KEPT_S = 10.0
_MAX_PAGES = 24  # of 10,000 records, some 200 bytes each: 50 MB


@dataclass(frozen=True, slots=True)
class Page:
    """Records of a log as JSON, up to a number; more = the log went on when it was read."""

    records: msgspec.Raw
    upto: int
    more: bool


class KeptPages:
    """The pages that were asked for last, by environment and the number after which they begin."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keeps none yet."""
        self._clock = clock
        self._lock = threading.Lock()
        self._pages: OrderedDict[tuple[str, int], tuple[float, Page]] = OrderedDict()
        self._making: dict[tuple[str, int], threading.Lock] = {}

    def page(self, environment_id: str, start: int, reached: int, make: Callable[[], Page]) -> Page:
        """The page after start: one kept, else what make returns.

        Shapes: one that goes further than the log has reached is of a database before it was restored, and is not used.
        """
        key = environment_id, start
        if (found := self._kept(key, reached)) is not None:
            return found
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            if (found := self._kept(key, reached)) is None:
                found = make()
                self._keep(key, found)
        return found

    def _kept(self, key: tuple[str, int], reached: int) -> Page | None:
        with self._lock:
            at, page = self._pages.get(key, (0.0, None))
            if page is None or page.upto > reached or self._clock() - at > _KEPT_S:
                return None
            self._pages.move_to_end(key)
            return page

    def _keep(self, key: tuple[str, int], page: Page) -> None:
        now = self._clock()
        with self._lock:
            self._pages[key] = now, page
            self._pages.move_to_end(key)
            self._making.pop(key, None)
            while len(self._pages) > _MAX_PAGES or now - next(iter(self._pages.values()))[0] > _KEPT_S:
                self._pages.popitem(last=False)
