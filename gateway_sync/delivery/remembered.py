"""Remembered: what the publishing process knows of an environment since it published it last.

Owns: which rows need not be read again, because they say by themselves what they hold: fragments by their digest,
revisions, which are never edited, by their id and digest. Whoever works with it has it alone: who comes meanwhile
begins with nothing, and so does everybody after an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from gateway_sync import rows
from gateway_sync.compiler import Memory
from gateway_sync.delivery.models import Fragment

COMPARED_EACH_S = 3600.0
_MOST = 16  # environments
_lock = threading.Lock()
_kept: dict[str, Remembered] = {}


class Remembered:
    """Shapes: versions maps ids to what a row was made of, and the row."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.compiled = Memory()
        self.compared_at = time.monotonic()  # with a full compilation; nothing is wrong with nothing
        self.is_used = False  # since
        self.versions: dict[str, tuple[str, rows.VersionRow]] = {}
        self._texts: dict[str, str] = {}

    def texts(self, digests: Iterable[str], database: str) -> Mapping[str, str]:
        """The fragments that are still known, by digest; all others are forgotten here."""
        wanted = set(digests)
        found = Fragment.objects.using(database).filter(digest__in=wanted - self._texts.keys())
        read = dict(found.values_list("digest", "body"))
        self._texts = {digest: text for digest, text in self._texts.items() if digest in wanted} | read
        return self._texts


@contextmanager
def remembered(environment_id: str) -> Iterator[Remembered]:
    """What is known of an environment, for the block alone."""
    with _lock:
        memory = _kept.pop(environment_id, None) or Remembered()
    yield memory
    memory.is_used = True
    with _lock:
        _kept[environment_id] = memory
        while len(_kept) > _MOST:
            del _kept[next(iter(_kept))]


def due_for_comparison(now: float) -> list[str]:
    """The environments whose memory was used since it was compared, which is long ago. Units: monotonic seconds."""
    with _lock:
        return [key for key, each in _kept.items() if each.is_used and now - each.compared_at > COMPARED_EACH_S]


def forget(environment_id: str) -> None:
    """Begin anew with the next publication."""
    with _lock:
        _kept.pop(environment_id, None)
