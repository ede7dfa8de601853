"""Fragments of whole states, encoded once and kept for a moment: gateways that know nothing ask for the same ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

import msgspec

from gateway_sync.delivery.models import Fragment

_MANY = 100  # fewer are read and encoded in no time
_KEPT_S = 10.0
_MOST = 2  # states, of megabytes each


class KeptFragments:
    """What was asked for last. Shapes: content is addressed by its digest, so what is kept is never wrong."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keeps none yet."""
        self._clock = clock
        self._lock = threading.Lock()  # held while one reads: the others want the same
        self._kept: dict[frozenset[str], tuple[float, msgspec.Raw]] = {}

    def texts(self, digests: Collection[str]) -> Mapping[str, str] | msgspec.Raw:
        """The fragments that are still known, by digest; encoded when they are many."""
        if len(digests) < _MANY:
            return _read(digests)
        wanted = frozenset(digests)
        with self._lock:
            now = self._clock()
            self._kept = {key: kept for key, kept in self._kept.items() if now - kept[0] < _KEPT_S}
            if wanted not in self._kept:
                while len(self._kept) >= _MOST:
                    del self._kept[next(iter(self._kept))]
                self._kept[wanted] = now, msgspec.Raw(msgspec.json.encode(_read(wanted)))
            return self._kept[wanted][1]


def _read(digests: Collection[str]) -> dict[str, str]:
    return dict(Fragment.objects.filter(digest__in=digests).values_list("digest", "body"))
