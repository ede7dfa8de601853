"""Calling: a pure function run in a confined process, so that no text costs the process that was sent it.

Owns: who reads now, how many at once, and what is said when one is given up. Must not know: what is read.
Readers are kept for the next text, since starting one takes longer than most texts.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, Literal, ParamSpec, TypeVar, cast

from apim.confined.frames import NO_MEMORY_LEFT, Request, TooLong, read_frame, write_frame
from apim.confined.turns import OneEach, asker
from gateway_sync.runtime.processes import peak_bytes

Parameters = ParamSpec("Parameters")
Told = TypeVar("Told")

MOST_AT_ONCE: Final = 2  # of one process: each may take all the memory that is allowed
_KEPT_AT_MOST: Final = 2
_TURN_S: Final = 20.0
_WAITS_A_CPU_S: Final = 4  # how long a reader may wait for its processor, for each second of it
_ENDS_S: Final = 2.0  # in which a reader that was left has ended by itself
_ANSWER_AT_MOST: Final = 2**28  # bytes: several times the largest text and what its aliases may expand to
_ROOT: Final = Path(__file__).resolve().parents[2]
# A reader that was taken over could answer what it likes: its answer makes values of these modules, and nothing else.
_ANSWERS: Final = ("apim.catalog.", "apim.openapi.")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one text may take. Shapes: memory_bytes is beside what an idle reader has."""

    cpu_s: int = 30
    memory_bytes: int = 2**30


USUAL: Final = Bounds()


class OutOfBounds(Exception):
    """A text was given up. Shapes: bound = time, memory, turn (others are being read), fault (the reader crashed)."""

    def __init__(self, bound: Literal["time", "memory", "turn", "fault"], bounds: Bounds) -> None:
        super().__init__(f"a text was given up: {bound}")
        self.bound = bound
        self.bounds = bounds


def confine(function: Callable[Parameters, Told], *arguments: Parameters.args, **named: Parameters.kwargs) -> Told:
    """What the function says of plain arguments, run apart from this process within the usual bounds.

    The function is one of a module that readers have loaded. Errors: OutOfBounds, its own.
    """
    return confine_within(USUAL, function, *arguments, **named)


def confine_within(
    bounds: Bounds, function: Callable[Parameters, Told], *arguments: Parameters.args, **named: Parameters.kwargs
) -> Told:
    """The same within other bounds."""
    request = Request(function.__module__, function.__qualname__, arguments, named, bounds.cpu_s, bounds.memory_bytes)
    with _readers.each.of(asker.get()(), _TURN_S) as is_their_turn:
        if not is_their_turn or not _readers.turns.acquire(timeout=_TURN_S):
            raise OutOfBounds("turn", bounds)
        try:
            kind, told = _readers.ask(pickle.dumps(request, pickle.HIGHEST_PROTOCOL), bounds)
        finally:
            _readers.turns.release()
    if kind == "error":
        raise told
    if kind == "fault":
        message = f"{function.__qualname__} failed in its reader:\n{told}"
        raise RuntimeError(message)
    answer: Told = told
    return answer


class _Reader:
    """One confined process."""

    def __init__(self) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        self._process: Final = subprocess.Popen(
            [sys.executable, "-m", "apim.confined"],
            cwd=_ROOT,
            env={**kept, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # a process begins with the peak of the one that started it: only what is above that is its own
        self._inherited_bytes: Final = peak_bytes()
        self._texts = cast("IO[bytes]", self._process.stdin)
        self._answers = cast("IO[bytes]", self._process.stdout)

    def ask(self, request: bytes, bounds: Bounds) -> bytes:
        """Its answer. Errors: EOFError when it ended, BrokenPipeError when it had ended before."""
        with self._killed_after(bounds.cpu_s * _WAITS_A_CPU_S):  # it may stand still amid either of them
            write_frame(self._texts, request)
            return read_frame(self._answers, _ANSWER_AT_MOST)

    def end(self, bounds: Bounds) -> Literal["time", "memory", "fault"]:
        """End it; which bound ended it before. Parsers that get no memory end in many ways."""
        self.leave()
        code, filled = self._process.poll(), 0
        if code is None:
            with self._killed_after(_ENDS_S):
                _, status, used = os.wait4(self._process.pid, 0)
            self._process.returncode = code = os.waitstatus_to_exitcode(status)
            filled = used.ru_maxrss * 1024
        if code in {-signal.SIGXCPU, -signal.SIGKILL}:
            return "time"
        is_full = filled > max(bounds.memory_bytes // 2, self._inherited_bytes)
        return "memory" if is_full or code in {NO_MEMORY_LEFT, -signal.SIGABRT} else "fault"

    @contextmanager
    def _killed_after(self, patience_s: float) -> Iterator[None]:
        """Whatever it does in the block, it does no longer than that."""
        given_up = threading.Timer(patience_s, self._kill)
        given_up.daemon = True
        given_up.start()
        try:
            yield
        finally:
            given_up.cancel()

    def _kill(self) -> None:
        """Not by what looks first whether it has ended, and so takes its end from who waits for it."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)

    def leave(self) -> None:
        """Close our ends of its pipes: it ends when nobody has them."""
        for pipe in (self._texts, self._answers):
            with suppress(OSError):
                pipe.close()


class _Readers:
    """Those that wait for a text, of this process."""

    def __init__(self) -> None:
        self.turns = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.each = OneEach()
        self._idle: list[_Reader] = []
        self._lock = threading.Lock()

    def ask(self, request: bytes, bounds: Bounds) -> tuple[str, Any]:
        """(kind, value) of the answer. Errors: OutOfBounds."""
        reader, answer = self._asked(request, bounds)
        is_kept = False
        try:
            kind, told = _Answers(BytesIO(answer)).load()
            if kind == "memory":
                raise OutOfBounds("memory", bounds)
            with self._lock:
                is_kept = len(self._idle) < _KEPT_AT_MOST
                if is_kept:
                    self._idle.append(reader)
        finally:
            if not is_kept:
                reader.end(bounds)
        return kind, told

    def _asked(self, request: bytes, bounds: Bounds) -> tuple[_Reader, bytes]:
        """A reader and its answer; another one is asked where one that waited had ended. Errors: OutOfBounds."""
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        for reader in (kept or _Reader(), None):
            asked = reader or _Reader()
            try:
                return asked, asked.ask(request, bounds)
            except BrokenPipeError:
                bound = asked.end(bounds)
            except TooLong:
                asked.end(bounds)
                raise OutOfBounds("memory", bounds) from None
            except (EOFError, OSError):
                raise OutOfBounds(asked.end(bounds), bounds) from None
        raise OutOfBounds(bound, bounds)

    def forget(self) -> None:
        """In a fork: the readers are those of the process that it was made of."""
        for reader in self._idle:
            reader.leave()
        self.__init__()  # type: ignore[misc]  # locks too: another thread may have held them


class _Answers(pickle.Unpickler):
    """Makes plain values, and of classes only the data and errors of the modules that are asked."""

    def find_class(self, module: str, name: str) -> Any:
        """The class. Errors: pickle.UnpicklingError for any other."""
        found = None if "." in name or not module.startswith(_ANSWERS) else super().find_class(module, name)
        if isinstance(found, type) and (is_dataclass(found) or issubclass(found, ValueError)):
            return found
        message = f"a reader answered with {module}.{name}"
        raise pickle.UnpicklingError(message)


_readers = _Readers()
os.register_at_fork(after_in_child=_readers.forget)
