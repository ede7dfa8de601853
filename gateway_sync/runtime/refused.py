"""RefusedBatches: the batches of usage that the control plane refused for ever, kept as files until it takes them.

They are sent again at the start of the gateway and each hour; a batch that is stored twice counts once, so that
this may be done any number of times.
"""

from __future__ import annotations

import os
from pathlib import Path

from gateway_sync.runtime.spool_format import REFUSED

_SUFFIX = ".batch"


class RefusedBatches:
    """A folder beside the segments."""

    def __init__(self, spool: Path) -> None:
        """spool is the folder of the segments; this one is made when it is needed."""
        self.folder = spool / REFUSED

    def keep(self, name: str, body: bytes) -> Path:
        """Write a batch, and return once it is on disk. Errors: OSError."""
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{name}{_SUFFIX}"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return path

    def paths(self) -> list[Path]:
        """What is kept, in a steady order."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"))
