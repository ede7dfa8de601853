"""Starts services, restarts the ones that crash, stops all of them.

Owns: the children and the guard. Must not know: which services there are, what people see.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from apim.up.options import ROOT
from apim.up.process import Process
from apim.up.refusal import RefusalError
from apim.up.services import Service

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
STABLE_AFTER_S = 60.0
CRASHES_BEFORE_READY = 3
STOP_S = 3.5  # for all but the last; with the last one's second this stays under 5 s
STOP_LAST_S = 1.0
_TICK_S = 0.02
_TAIL_LINES = 8


@dataclass(slots=True)
class Child:
    """A service, its process, and how often it crashed lately."""

    service: Service
    process: Process | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    crashes: int = 0
    is_ready: bool = False


@dataclass(slots=True)
class Supervisor:
    """Every child of one start. To be used from one thread: the kernel ties a child to the thread that made it."""

    environment: Mapping[str, str]
    logs: Path
    say: Callable[[str], None]
    lock: IO[str]
    children: list[Child] = field(default_factory=list)
    guard: subprocess.Popen[str] | None = None

    def start_guard(self) -> None:
        """Start the process that ends the children of a killed launcher; before the first child."""
        self.guard = subprocess.Popen(
            (sys.executable, "-S", "-m", "apim.up.guard"),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=(self.lock.fileno(),),
        )

    def start(self, services: Iterable[Service]) -> None:
        """Start services side by side."""
        for service in services:
            child = Child(service)
            self.children.append(child)
            self._spawn(child)

    def tick(self) -> None:
        """Look after every child once: note who is ready, restart who crashed."""
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.restart_at:
                    self._spawn(child)
            elif (code := child.process.exit_code()) is not None:
                self._bury(child, code, now)
            elif not child.is_ready:
                self._ask(child, now)
            elif child.crashes and now - child.started_at > STABLE_AFTER_S:
                child.crashes = 0

    def are_ready(self) -> bool:
        """True when every child runs and does its work.

        Errors: RefusalError when one of them crashes again and again instead.
        """
        for child in self.children:
            if child.crashes >= CRASHES_BEFORE_READY and not child.is_ready:
                raise RefusalError(self._crash_sentence(child))
        return all(child.is_ready and child.process for child in self.children)

    def waiting_for(self) -> tuple[str, ...]:
        """The names of children that are not ready yet."""
        return tuple(child.service.name for child in self.children if not child.is_ready)

    def stop(self) -> None:
        """End every child: those that stop last only when the others are gone."""
        for is_last, limit_s in ((False, STOP_S), (True, STOP_LAST_S)):
            self._end(
                [child.process for child in self.children if child.process and child.service.stops_last is is_last],
                limit_s,
            )
        if self.guard and self.guard.stdin:
            self.guard.stdin.close()
            self.guard.wait()

    def _spawn(self, child: Child) -> None:
        child.process = Process(child.service.command, self.environment, self.logs / f"{child.service.name}.log")
        child.started_at = time.monotonic()
        self._tell_guard("+", child.process)

    def _ask(self, child: Child, now: float) -> None:
        child.is_ready = child.service.is_ready()
        if child.is_ready:
            self.say(f"{child.service.name} is up after {now - child.started_at:.1f} s")

    def _bury(self, child: Child, code: int, now: float) -> None:
        if child.process is None:
            return
        child.process.kill_group()  # workers of a crashed master
        self._tell_guard("-", child.process)
        delay_s = min(FIRST_BACKOFF_S * 2**child.crashes, LONGEST_BACKOFF_S)
        ending = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self.say(f"{child.service.name} {ending}; starting it again in {delay_s:g} s (log: {child.process.log})")
        child.restart_at = now + delay_s
        child.crashes += 1
        child.is_ready = False
        child.process = None

    def _tell_guard(self, sign: str, process: Process) -> None:
        if self.guard and self.guard.stdin:
            self.guard.stdin.write(f"{sign}{process.group}\n")
            self.guard.stdin.flush()

    def _crash_sentence(self, child: Child) -> str:
        log = self.logs / f"{child.service.name}.log"
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return f"{child.service.name} does not start: it crashed {child.crashes} times. The end of {log}:\n  {tail}"

    def _end(self, processes: list[Process], limit_s: float) -> None:
        for process in processes:
            process.ask_to_end()
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline and any(process.exit_code() is None for process in processes):
            time.sleep(_TICK_S)
        for process in processes:
            process.kill_group()
            process.wait()
            self._tell_guard("-", process)
