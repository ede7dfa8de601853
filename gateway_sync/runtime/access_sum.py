"""AccessSum: what stands for the access records that a gateway has, kept as they change.

Owns: that the many records of a file are counted beside all else, once, and only when somebody wants to compare.
"""

from __future__ import annotations

import threading

import msgspec

from gateway_sync.runtime.access_file import AccessFile, Body
from gateway_sync.snapshot import TableDigest


class AccessSum:
    """Of the records of a file, and of what changed since. The file may be gone meanwhile: it stays mapped."""

    def __init__(self, base: AccessFile | None) -> None:
        """Counts nothing yet."""
        self._base = base
        self._changed = TableDigest()
        self._counted: TableDigest | None = None if base is not None else TableDigest()
        self._thread: threading.Thread | None = None

    def change(self, name: bytes, before: Body | None, after: Body | None) -> None:
        """A record that was so is so now; None = it is not there."""
        if before is not None:
            self._changed.remove(name, msgspec.json.decode(before))
        if after is not None:
            self._changed.add(name, msgspec.json.decode(after))

    def text(self) -> str:
        """What both sides compare; "" while the file was not counted."""
        return self._counted.join(self._changed).text() if self._counted is not None else ""

    def begin(self) -> threading.Thread | None:
        """Count the file, if that was not begun; the thread that does, None when there is nothing to count."""
        if self._thread is None and self._counted is None:
            self._thread = threading.Thread(target=self._count, name="access-sum", daemon=True)
            self._thread.start()
        return self._thread

    def _count(self) -> None:
        found = TableDigest()
        for name, body in self._base.records() if self._base is not None else ():
            found.add(name, msgspec.json.decode(body))
        self._counted, self._base = found, None
