"""One start from beginning to end.

Owns: the order of things. Must not know: how a process is kept, how a check is made.
"""

from __future__ import annotations

import os
import select
import signal
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO

from apim.up import probes, services
from apim.up.options import Options
from apim.up.preparation import Preparation, Prepared, is_schema_known
from apim.up.refusal import RefusalError
from apim.up.report import Report
from apim.up.supervisor import Supervisor

READY_WITHIN_S = 120.0
SLOW_AFTER_S = 10.0
_STARTING_TICK_S = 0.03
_RUNNING_TICK_S = 0.25


class StoppedError(Exception):
    """Somebody asked the start to end before it was ready."""


@dataclass(slots=True)
class Signals:
    """Whether an end was asked for, and a sleep that ends with it."""

    is_stopping: bool = False
    _pipe: tuple[int, int] = field(default_factory=os.pipe)

    def listen(self) -> None:
        """Take over Ctrl-C, SIGTERM and SIGHUP."""
        for end in self._pipe:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._pipe[1])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note)

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past a signal.

        Errors: StoppedError when an end was asked for.
        """
        if not self.is_stopping:
            select.select([self._pipe[0]], [], [], seconds)
        if self.is_stopping:
            raise StoppedError

    def _note(self, _number: int, _frame: object) -> None:
        self.is_stopping = True


def run(options: Options, lock: IO[str], report: Report) -> None:
    """Start everything, keep it running until asked to end, end everything.

    Errors: RefusalError when the start cannot succeed; whatever had been started is ended first.
    """
    started_at = time.monotonic()
    signals = Signals()
    signals.listen()
    supervisor = Supervisor(services.child_environment(options), options.home / "logs", report.say, lock)
    supervisor.start_guard()
    try:
        prepared = _bring_up(options, supervisor, signals, report)
        supervisor.start(services.background(options))  # not before: they would take the processors from the rest
        report.ready(prepared, time.monotonic() - started_at)
        while True:
            signals.sleep(_RUNNING_TICK_S)
            supervisor.tick()
    except StoppedError:
        report.title("\nEnding ...")
    finally:
        stopping_at = time.monotonic()
        supervisor.stop()
        report.say(f"everything ended in {time.monotonic() - stopping_at:.1f} s")


def _bring_up(options: Options, supervisor: Supervisor, signals: Signals, report: Report) -> Prepared:
    report.title(f"Starting apim with its data in {options.home}")
    is_known = is_schema_known(options)
    if not options.redis_url:
        supervisor.start((services.valkey(options),))
        _wait_until_ready(supervisor, signals, report)
    if options.has_example:
        supervisor.start(services.samples(options))
    if options.stripe_port:
        report.say(f"test payments: a stand-in for Stripe at {options.stripe_url}, no money moves")
        supervisor.start(services.stand_in_for_stripe(options))
    if is_known:  # nothing to migrate: everything starts side by side
        supervisor.start((services.gateway(options), *services.control_plane(options)))
    else:
        report.say("preparing the database; the first time takes a while")
    prepared = _prepare(options, supervisor, signals)
    report.say("the database is prepared")
    if not is_known:
        supervisor.start((*services.control_plane(options), services.gateway(options)))
    _wait_until_ready(supervisor, signals, report)
    if prepared.example_url and prepared.key:
        _wait_for_example(options, prepared, signals)
    return prepared


def _prepare(options: Options, supervisor: Supervisor, signals: Signals) -> Prepared:
    preparation = Preparation(options, supervisor.environment)
    try:
        while not preparation.is_done:
            signals.sleep(_STARTING_TICK_S)
            supervisor.tick()
    except StoppedError:
        preparation.end()
        raise
    return preparation.result()


def _wait_until_ready(supervisor: Supervisor, signals: Signals, report: Report) -> None:
    started_at = told_at = time.monotonic()
    while not supervisor.are_ready():
        signals.sleep(_STARTING_TICK_S)
        supervisor.tick()
        now = time.monotonic()
        waiting = ", ".join(supervisor.waiting_for())
        if now - started_at > READY_WITHIN_S:
            message = f"Not ready after {READY_WITHIN_S:.0f} s: {waiting}; see the logs in {supervisor.logs}."
            raise RefusalError(message)
        if waiting and now - told_at > SLOW_AFTER_S:
            told_at = now
            report.say(f"still waiting for {waiting}")


def _wait_for_example(options: Options, prepared: Prepared, signals: Signals) -> None:
    """Until each worker knows the example's key and route; its application is charged no call for that."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        reached = probes.access_seqs(options.gateway_admin_url)
        is_key_known = len(reached) == options.gateway_workers and min(reached) >= prepared.access_seq
        if is_key_known and probes.status_of(prepared.example_url) == HTTPStatus.UNAUTHORIZED:
            return
        signals.sleep(_STARTING_TICK_S)
    message = f"The example at {prepared.example_url} is not served; see the gateway's log."
    raise RefusalError(message)
