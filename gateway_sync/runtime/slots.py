"""Slot: a place for one worker, with a listening socket that outlives the workers in it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex

from gateway_sync.runtime import channel
from gateway_sync.runtime.handover import Place, has_ended
from gateway_sync.runtime.starting import Process, forked, spawned
from gateway_sync.runtime.target_board import TargetBoard

logger = logging.getLogger(__name__)

FIRST_BACKOFF_S = 0.05
LONGEST_BACKOFF_S = 5.0
STEADY_S = 10.0  # a worker that lived this long starts the back-off anew
BACKLOG = 4096
SUSPICIOUS_S = 60.0  # a worker that dies so soon after it took a state over may have died of it


def open_listener(bind: str, port: int) -> socket.socket:
    """A listening socket of its own for a slot; the kernel spreads connections over all of a port (SO_REUSEPORT).

    Errors: OSError when the port is taken or may not be used.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.settimeout(0)
        listener.bind((bind, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended by itself.

    Shapes: code as of subprocess, negative = by that signal; is_loaded = it had taken over the state it was given, of
    this digest; lived_s since then, else since its start. silent_s = as long it had said nothing when it was ended for
    it, 0 = it was not; is_stuck = by what it did itself. memory_bytes = the most it ever had.
    """

    code: int
    is_loaded: bool
    lived_s: float
    digest: str
    silent_s: float = 0.0
    is_stuck: bool = False
    memory_bytes: int = 0

    @property
    def is_early(self) -> bool:
        """True when it came, or its silence began, so soon after the state that the state may be the reason."""
        return not self.is_loaded or self.lived_s - self.silent_s < SUSPICIOUS_S

    @property
    def is_crash(self) -> bool:
        """True of an end of its own making: not a kill, not a full disk."""
        return self.code not in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, os.EX_TEMPFAIL)


class Slot:
    """One worker at a time, started again whenever it ends."""

    def __init__(
        self, number: int, listener: socket.socket, targets: TargetBoard, tls_listener: socket.socket | None = None
    ) -> None:
        """No worker yet; targets hears what the worker says about them."""
        self.number = number
        self.targets = targets
        self.listener = listener
        self.tls_listener = tls_listener
        self.boot = ""
        self.pid = 0
        self.started_at = 0.0
        self.applied_at = 0.0
        self._steady_since = 0.0  # started or applied, of the monotonic clock: the other one may jump
        self.applied: channel.Applied | None = None
        self.restarts = -1
        self.written = 0  # the number of the last record that the worker told of
        self.silent_s = 0.0  # since the worker said something, as `watching` counts
        self._ended_for = 0.0, False  # as long it had been silent when it was ended for it; whether it was stuck
        self.ending_pid, self.ending_boot = 0, ""  # the worker that a supervisor before this one left in the slot
        self.on_wants: Callable[[channel.Wants | channel.Asking], None] = lambda _: None
        self._writer: asyncio.StreamWriter | None = None
        self._process: Process | None = None
        self._begun: tuple[Process, socket.socket] | None = None  # a worker that was forked and knows nothing yet
        self._is_stopping = self._is_retiring = False
        self.given = ""  # the digest of the state that the worker was given last

    async def run(
        self,
        settings: Callable[[Slot], channel.Settings],
        on_change: Callable[[Slot], None],
        on_death: Callable[[Death], None],
    ) -> None:
        """Keep a worker in the slot until `stop`."""
        backoff_s = FIRST_BACKOFF_S
        # Each map of a slot has one writer.
        while self.ending_pid and not has_ended(self.ending_pid):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
        self.ending_pid = 0
        while not self._is_stopping:
            began = time.monotonic()
            death = await self._run_one(settings, on_change)
            if self._is_stopping:
                return
            if self._is_retiring:
                self._is_retiring = False
                continue
            on_death(death)
            backoff_s = (
                FIRST_BACKOFF_S if time.monotonic() - began > STEADY_S else min(backoff_s * 2, LONGEST_BACKOFF_S)
            )
            logger.warning("worker %d (pid %d) ended; the next one starts in %.2f s", self.number, self.pid, backoff_s)
            await asyncio.sleep(backoff_s)

    def fork(self) -> None:
        """Begin the first worker, which waits until `run` tells it what to serve; when and how: starting.forked."""
        self._begun = self._begin(forked)

    def _begin(self, start: Callable[[Sequence[int]], Process]) -> tuple[Process, socket.socket]:
        """Another worker, and our end of the channel to it."""
        ours, theirs = socket.socketpair()
        self.boot = token_hex(16)
        self.restarts += 1
        self.written, self.silent_s, self._ended_for = 0, 0.0, (0.0, False)
        self.started_at, self._steady_since = time.time(), time.monotonic()
        descriptors = [self.listener.fileno(), theirs.fileno()]
        if self.tls_listener is not None:
            descriptors.append(self.tls_listener.fileno())
        process = self._process = start(descriptors)
        theirs.close()
        self.pid = process.pid
        return process, ours

    async def _run_one(self, settings: Callable[[Slot], channel.Settings], on_change: Callable[[Slot], None]) -> Death:
        process, ours = self._begun or self._begin(spawned)
        self._begun = None
        reader, self._writer = await asyncio.open_connection(sock=ours, limit=channel.LIMIT)
        first = settings(self)
        self.given = first.digest
        self._writer.write(channel.encode(first))
        try:
            while line := await reader.readline():
                answer = channel.decode_answer(line)
                self.silent_s = 0.0
                if answer is None:
                    continue
                if isinstance(answer, channel.Applied):
                    self.hear(answer)
                    on_change(self)
                elif isinstance(answer, channel.Alive):
                    self.written = answer.seq
                elif isinstance(answer, channel.Wants | channel.Asking):
                    self.on_wants(answer)
                else:
                    self.targets.hear(self.number, answer)
        except ConnectionError:
            pass  # the worker died; what it was doing is in its spool
        self._writer.close()
        applied, self._writer, self.applied = self.applied, None, None
        while (code := process.poll()) is None:  # noqa: ASYNC110 - nothing tells  # its channel is closed, so it is about to end
            await asyncio.sleep(0.01)
        self.targets.forget(self.number)
        on_change(self)
        is_loaded = applied is not None and applied.digest == self.given
        lived_s = time.monotonic() - self._steady_since
        return Death(code, is_loaded, lived_s, self.given, *self._ended_for, process.memory_bytes)

    def hear(self, applied: channel.Applied) -> None:
        """Keep what the worker has in force; applied_at is since when it has this state."""
        if self.applied is None or self.applied.digest != applied.digest:
            self.applied_at, self._steady_since = time.time(), time.monotonic()
        self.applied = applied

    def send(self, message: channel.ToWorker) -> bool:
        """Tell the worker; False when there is none yet: one that is just starting reads the same from disk."""
        if isinstance(message, channel.Apply):
            self.given = message.digest
        if self._writer is None:
            return False
        self._writer.write(channel.encode(message))
        return True

    async def replace(self) -> None:
        """Have another worker in the slot, once this one has ended without anybody noticing; return when it serves.

        One after the other, for each map of a slot has one writer. Who connects meanwhile waits in the socket's queue.
        """
        boot = self.boot
        if self._writer is None or self._is_stopping:
            return  # the next one starts anyway
        self._is_retiring = True
        self.send(channel.Retire())
        while not self._is_stopping and (self.boot == boot or self.applied is None):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)

    def retire(self) -> Place:
        """Let the worker end, and tell what the next supervisor needs of the slot."""
        self._is_retiring = True
        self.send(channel.Retire())
        tls_listener = self.tls_listener.fileno() if self.tls_listener is not None else 0
        return Place(self.listener.fileno(), tls_listener, self.pid, self.boot)

    def stop(self) -> None:
        """Let the worker finish what it serves and end."""
        self._is_stopping = True
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def close(self) -> None:
        """Refuse who comes from now on, instead of letting them wait for nobody."""
        for listener in (self.listener, self.tls_listener):
            if listener is not None:
                with suppress(OSError):  # where it is no connection it cannot be shut down, and closing is enough
                    listener.shutdown(socket.SHUT_RDWR)
                listener.close()

    @property
    def is_running(self) -> bool:
        """True while there is a worker in the slot that should say something."""
        return self._writer is not None and not self._is_stopping

    def served_s(self, now: float) -> float:
        """How long the worker has served the state that it was given; 0.0 while it does not."""
        is_loaded = self.applied is not None and self.applied.digest == self.given
        return now - self._steady_since if is_loaded else 0.0

    def kill_silent(self, *, is_stuck: bool) -> None:
        """End the worker for its silence, which is told with its death."""
        self._ended_for = self.silent_s, is_stuck
        self.kill()

    def kill(self) -> None:
        """End the worker at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()


def slot_at(number: int, place: Place, targets: TargetBoard) -> Slot:
    """The slot of a place that a supervisor before left; its next worker starts when the one in it has ended."""
    tls_listener = socket.socket(fileno=place.tls_listener) if place.tls_listener else None
    slot = Slot(number, socket.socket(fileno=place.listener), targets, tls_listener)
    slot.ending_pid, slot.ending_boot = place.pid, place.boot
    return slot


def open_slot(number: int, bind: str, ports: tuple[int, int], targets: TargetBoard) -> Slot:
    """A slot that listens; of the ports the second is for TLS, 0 = none. Errors: OSError, as open_listener."""
    port, tls_port = ports
    return Slot(number, open_listener(bind, port), targets, open_listener(bind, tls_port) if tls_port else None)


def cpu_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))
