"""CompositionJournal: what composite operations of a worker are under way, in a file that outlives the worker.

Undoing needs the process that called: when it is killed, nobody undoes. So that it is known at least, each call is
written down before it is sent, without any value. Whoever serves the slot next tells what was left unfinished.

A file is named by the slot and the boot, and locked by its worker: the kernel frees the lock of who is killed, while
the number of a process may be another's by then, and in a container that starts again it is.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Final

OVER: Final = "over"
REWRITE_BYTES: Final = 1 << 20  # of a worker that is never without a composite operation
_SUFFIX: Final = ".composites"
_FRESH: Final = ".fresh"


class CompositionJournal:
    """The journal of one worker. A line is a JSON array: event, request id, operation, step."""

    def __init__(self, folder: Path, slot: int, boot: str) -> None:
        """Errors: OSError."""
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._slot = slot
        self._path = folder / f"{slot}.{boot}{_SUFFIX}"
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
        fresh = self._path.with_suffix(_FRESH)
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
        found: list[str] = []
        for path in sorted(self._folder.glob(f"{self._slot}.*")):
            if path != self._path and _is_left(path):
                if path.suffix == _SUFFIX:
                    found += _unfinished(path.read_bytes())
                path.unlink(missing_ok=True)
        return found


def _emptied(path: Path) -> int:
    """A file without content that this process holds until it ends."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def _is_left(path: Path) -> bool:
    """True when who wrote the file has ended, and has not taken it along."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return False
    return True


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
