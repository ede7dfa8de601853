"""Steady: which states ran well on this host, and what memory a worker took of them.

What a worker ended of without saying so, by hanging or by being killed, may have reasons outside: an operator, a
machine without memory or time. A state is accused of it only while it has not run well here, and another has. Owns:
when a state ran well, how much memory is much, and that a restart forgets neither.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from gateway_sync.runtime.processes import peak_bytes

logger = logging.getLogger(__name__)

KEPT: Final = 8  # states: those on disk, and what went back and forth lately
MUCH_TIMES: Final = 2  # what workers took before
_MUCH_MORE: Final = 32 * 2**20  # than the supervisor ever had, which the kernel also counts to what it started
_FILE: Final = "steady.json"

_DECODER = msgspec.json.Decoder(dict[str, int])


class Steady:
    """Of one gateway. One writer: the supervisor."""

    def __init__(self, home: Path) -> None:
        """Reads what is known; a file that cannot be read says nothing."""
        self._path = home / _FILE
        self._taken: dict[str, int] = self._read()  # digest -> the most memory of a worker, the latest last

    def note(self, digest: str, memory_bytes: int) -> None:
        """A worker has served the state for long and goes on well. A full disk makes it last until a restart."""
        before = self._taken.get(digest)
        self._taken[digest] = max(memory_bytes, before or 0)
        if before is not None:
            return
        for old in list(self._taken)[:-KEPT]:
            del self._taken[old]
        temporary = self._path.with_suffix(".new")
        try:
            temporary.write_bytes(msgspec.json.encode(self._taken))
            temporary.replace(self._path)
        except OSError as error:
            logger.warning("which states ran well could not be written: %s", error)

    def may_accuse(self, digest: str) -> bool:
        """True when the state has not run well here yet, and another has."""
        return bool(self._taken) and digest not in self._taken

    def is_much(self, memory_bytes: int) -> bool:
        """True of far more memory than workers took of states that ran well."""
        own = peak_bytes()
        usual = max(self._taken.values(), default=memory_bytes)
        return memory_bytes > max(MUCH_TIMES * usual, own + _MUCH_MORE)

    def _read(self) -> dict[str, int]:
        try:
            return _DECODER.decode(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
