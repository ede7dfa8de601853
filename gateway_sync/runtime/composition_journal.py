"""CompositionJournal: what composite operations of a worker are under way, in a file that outlives the worker.

Undoing needs the process that called: when it is killed, nobody undoes. So that it is known at least, each call is
written down before it is sent, without any value. Whoever serves the slot next tells what was left unfinished.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

OVER: Final = "over"
REWRITE_BYTES: Final = 1 << 20  # of a worker that is never without a composite operation
_SUFFIX: Final = ".composites"


class CompositionJournal:
    """The journal of one worker. A line is a JSON array: event, request id, operation, step."""

    def __init__(self, folder: Path, slot: int) -> None:
        """Errors: OSError."""
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._slot = slot
        self._path = folder / f"{slot}.{os.getpid()}{_SUFFIX}"
        # A container that starts again gives its processes the same numbers again.
        self._left = self._path.read_bytes() if self._path.exists() else b""
        self._file = _emptied(self._path)
        self._under_way: dict[str, list[bytes]] = {}
        self._size, self._bound = 0, REWRITE_BYTES

    def note(self, event: str, request_id: str, operation: str, step: str) -> None:
        """Add a line; it is the kernel's once this returns. Errors: OSError."""
        line = json.dumps([event, request_id, operation, step]).encode() + b"\n"
        if event == OVER:
            self._under_way.pop(request_id, None)
        else:
            self._under_way.setdefault(request_id, []).append(line)
        if self._size > self._bound:
            self._rewrite()
        else:
            os.write(self._file, line)
            self._size += len(line)

    def _rewrite(self) -> None:
        """Leave out what is over; a kill leaves the file as it was, or as it is then."""
        content = b"".join(line for lines in self._under_way.values() for line in lines)
        fresh = self._path.with_suffix(".fresh")
        file = _emptied(fresh)
        try:
            os.write(file, content)
            fresh.replace(self._path)
        except OSError:
            os.close(file)
            raise
        os.close(self._file)
        self._file, self._size, self._bound = file, len(content), max(REWRITE_BYTES, 2 * len(content))

    def clear(self) -> None:
        """Nothing is under way."""
        os.ftruncate(self._file, 0)
        self._size = 0
        self._under_way.clear()

    def close(self) -> None:
        """The worker ends; a file that tells nothing goes with it."""
        os.close(self._file)
        if self._path.stat().st_size == 0:
            self._path.unlink()

    def take_interrupted(self) -> list[str]:
        """What workers of this slot left unfinished when they were killed, in words; told once."""
        found, self._left = _unfinished(self._left), b""
        for path in sorted(self._folder.glob(f"{self._slot}.*{_SUFFIX}")):
            process = path.name.split(".")[1]
            if path != self._path and not Path("/proc", process).exists():
                found += _unfinished(path.read_bytes())
                path.unlink(missing_ok=True)
        return found


def _emptied(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)


def _unfinished(content: bytes) -> list[str]:
    """The operations that begun and are not over, each with the steps that were called."""
    operations: dict[str, list[str]] = {}
    for line in content.splitlines():
        try:
            event, request_id, operation, step = json.loads(line)
        except ValueError:  # the last line, cut off
            continue
        if event == OVER:
            operations.pop(request_id, None)
        else:
            words = operations.setdefault(request_id, [f"{operation} of request {request_id}"])
            if step:
                words.append(f"{event} {step}")
    return [", ".join(words) for words in operations.values()]
