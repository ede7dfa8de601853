"""Supervisor: keeps the workers running and up to date; the data path never waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from gateway_sync.runtime import channel
from gateway_sync.runtime.access_log import AccessLog
from gateway_sync.runtime.access_orders import orders_for
from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown
from gateway_sync.runtime.credentials import Credentials, Doors
from gateway_sync.runtime.deaths import Deaths
from gateway_sync.runtime.duties import Duties
from gateway_sync.runtime.follower import Follower
from gateway_sync.runtime.handover import Place
from gateway_sync.runtime.host_report import HostReport
from gateway_sync.runtime.keeper import Keeper, Taken
from gateway_sync.runtime.lessor import Lessor, gateways_of
from gateway_sync.runtime.lives import Lives
from gateway_sync.runtime.observing import Observer
from gateway_sync.runtime.on_trial import POISONOUS
from gateway_sync.runtime.options import Options
from gateway_sync.runtime.reporting import Reporting
from gateway_sync.runtime.rolling import Rolling
from gateway_sync.runtime.shipper import Shipper
from gateway_sync.runtime.slots import Death, Slot, open_slot, slot_at
from gateway_sync.runtime.span_exporter import SpanExporter
from gateway_sync.runtime.spool_sync import SpoolSync
from gateway_sync.runtime.standing import Standing
from gateway_sync.runtime.stats import open_cells
from gateway_sync.runtime.steady import Steady
from gateway_sync.runtime.target_board import TargetBoard
from gateway_sync.runtime.trace_shipper import TraceShipper
from gateway_sync.runtime.traffic import Traffic
from gateway_sync.runtime.unmetered import Unmetered
from gateway_sync.runtime.watching import Watching
from gateway_sync.runtime.worker_trial import WorkerTrial

logger = logging.getLogger(__name__)

STOP_S = 12.0
CLOSE_S = 2 * channel.LAST_ACCEPTS_S  # by then the workers have let in who was in the queue; later ones are refused


class Supervisor:
    """All workers of one host."""

    def __init__(
        self, options: Options, credentials: Credentials, doors: Callable[[], Doors], places: Sequence[Place] = ()
    ) -> None:
        """Reads the state on disk; nothing listens yet but what a supervisor before left. Errors: OSError.

        doors is not asked before `run`, so that forked workers know none.
        """
        self.options = options
        self._credentials = credentials
        self._doors = doors
        self._home = options.home / credentials.fingerprint()
        (self._home / "spool").mkdir(parents=True, exist_ok=True)
        self.keeper = Keeper(self._home, credentials)
        self._control = ControlPlane(doors)
        self.slots: list[Slot] = []
        self.targets = TargetBoard(self._spread_verdicts)
        self.follower = Follower(credentials.environment, self._control, self.keeper, self.spread)
        self.standing = Standing(self._home, self._control, doors)
        steady = Steady(self._home)
        self._deaths = Deaths(steady)
        self.lessor = Lessor(self._home, credentials.environment, self._tell_all, doors)
        stats = [open_cells(self._home / f"stats.{number}.map") for number in range(options.workers)]
        self.shipper = Shipper(self._home / "spool", self._control, self._live_boots, options.spool_bytes)
        self._unmetered = Unmetered(stats)
        self._lives = Lives(self.slots, self.shipper.numbers)
        self.spans = SpanExporter(options.collector) if options.collector.url else None
        self.traces = TraceShipper(self._home, self._control, options.workers, self.spans)
        self.traffic = Traffic()
        self.trial = WorkerTrial(self.keeper, self.slots, stats)
        self.watching = Watching(self.slots, steady, options.hang_s)
        self.host = HostReport(self.slots, stats, self.follower, self.trial, self._problems_of)
        logs = (AccessLog(options.log),) if options.log.path else ()
        self.observer = Observer(
            self._home / "spool", self._live_boots, (self.traffic, self.trial, *logs), is_always_wanted=bool(logs)
        )
        self._sync = SpoolSync(self._home / "spool", self._live_boots)
        self._reporting = Reporting(self._report)
        self._is_heard = True
        self._rolling = Rolling(self.slots, options.worker_bytes, lambda: self.observer.read(self._live_boots()))
        self._places = places
        self._duties = Duties()

    def _live_boots(self) -> dict[str, int]:
        ending = {slot.ending_boot: slot.number for slot in self.slots if slot.ending_pid}
        return ending | {slot.boot: slot.number for slot in self.slots if slot.boot and slot.pid}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until stop is set, then let the workers finish."""
        if self.keeper.generation is not None:
            self._run_slots()
        self._duties.keep(self.follower.pull)
        if redis_url := self._doors().redis_url:
            self._duties.keep(partial(self.follower.listen, redis_url))
        self.lessor.on_news = self._reporting.soon
        self._duties.keep(self.lessor.run)
        self._duties.keep(self._reporting.run)
        self._duties.keep(self.shipper.run)
        self._duties.keep(self.traces.run)
        if self.spans is not None:
            self._duties.keep(self.spans.run)
        self._duties.keep(self._sync.run)
        self._duties.keep(self.observer.run)
        self._duties.keep(self._rolling.watch_memory)
        self._duties.keep(self.watching.run)
        await stop.wait()
        await self._stop()

    def fork_workers(self) -> None:
        """Begin the first workers by copies of this process, where there is something to serve: before `run`.

        Does not return in a worker. Errors: OSError, also when the port is taken.
        """
        if self.keeper.generation is not None:
            self._open_slots()
            for slot in self.slots[len(self._places) :]:  # in the others a worker is still ending
                slot.fork()

    def _open_slots(self) -> None:
        """Open the port, for there is something to serve."""
        if self.slots:
            return
        options, places = self.options, self._places
        self.slots += [slot_at(number, place, self.targets) for number, place in enumerate(places[: options.workers])]
        for number in range(len(self.slots), options.workers):
            self.slots.append(open_slot(number, options.bind, (options.port, options.tls_port), self.targets))

    def _run_slots(self) -> None:
        self._open_slots()
        self._name_traffic()
        for slot in self.slots:
            slot.on_wants = self.lessor.hear
            self._duties.do(slot.run(self._settings, self._on_change, self._on_death))

    def _settings(self, slot: Slot) -> channel.Settings:
        keeper = self.keeper
        generation, digest = self.trial.state_for(slot)
        return channel.Settings(
            slot=slot.number,
            boot=slot.boot,
            workers=self.options.workers,
            home=str(self._home),
            pepper=self._credentials.pepper,
            port=self.options.port,
            pseudonym=self._doors().pseudonym(),
            own_addresses=self.options.own_addresses(),
            generation=str(generation),
            digest=digest,
            access_file=str(keeper.access_file or ""),
            access_changes=list(keeper.access.changes.items()),
            access_seq=keeper.access.seq,
            spool_bytes=self.options.spool_bytes,
            given=self.options.given,
            tls_port=self.options.tls_port,
            sealing_key=self._credentials.sealing_key,
            down=self.targets.down,
            is_exporting=self.spans is not None,
            is_shared=self.lessor.is_shared,
            lease_wait_s=self.lessor.wait_s,
            vouched_at=keeper.vouching.at,
        )

    def _on_change(self, slot: Slot) -> None:
        applied = slot.applied
        if applied is not None and applied.refused:
            reason = applied.problems[0][1] if applied.problems else "a worker could not use it"
            self._quarantine(applied.refused, reason)
        self._reporting.soon()

    def _on_death(self, death: Death) -> None:
        """Two workers that die soon of one state put it in quarantine; the next ones start from the one before."""
        reason = self._deaths.reason_against(death, time.monotonic())
        if reason:
            self._quarantine(death.digest, reason)

    def _quarantine(self, digest: str, reason: str) -> None:
        manifest, tried = self.keeper.manifest, self.keeper.trial.manifest
        if tried is not None and tried.digest == digest:
            self.keeper.trial.refuse(POISONOUS, reason)
            self._give_generation()
            self._reporting.soon()
        elif manifest is not None and manifest.digest == digest and self.keeper.quarantine(digest, reason):
            self._give_generation()
            self._reporting.soon()

    def _name_traffic(self) -> None:
        if self.keeper.generation is not None:
            self.traffic.use(self.keeper.generation)
            self.lessor.use(gateways_of(self.keeper.generation))
            self.keeper.vouching.use(self.keeper.generation)

    def _tell_all(self, message: channel.ToWorker) -> int:
        return sum(slot.send(message) for slot in self.slots)

    def _give_generation(self) -> None:
        self._name_traffic()
        for slot in self.slots:
            generation, digest = self.trial.state_for(slot)
            if generation is not None and slot.given != digest:
                slot.send(channel.Apply(str(generation), digest))

    def spread(self, taken: Taken) -> None:
        """Tell the workers what an update changed."""
        if taken.is_refused:
            self._reporting.soon()
        if self.keeper.generation is not None and not self.slots:
            self._run_slots()
            return
        if taken.generation is not None or taken.is_trial_changed:
            self._give_generation()
        for order in orders_for(taken, self.keeper.vouching.at):
            self._tell_all(order)

    def _spread_verdicts(self, found_by: int, verdicts: channel.Verdicts) -> None:
        for slot in self.slots:
            if slot.number != found_by:
                slot.send(verdicts)

    def problems(self) -> dict[str, str]:
        """What is wrong here now, by code."""
        return self._host_problems() | self.watching.problems()

    def _problems_of(self, slot: Slot) -> dict[str, str]:
        return self._host_problems() | self.watching.problem_of(slot)

    def _host_problems(self) -> dict[str, str]:
        return {
            **self.keeper.problems, **self.follower.problems, **self.shipper.problems(), **self.lessor.problems(),
            **self._sync.problems(), **self.keeper.vouching.problems(), **self._unmetered.problems(),
        }  # fmt: skip

    def _catch_up(self) -> None:
        """Write what a full disk did not take; the workers go on from the new file, for the old one is gone."""
        path = self.keeper.catch_up()
        if path is not None:
            self.spread(Taken(upto=self.keeper.access.seq, access_file=path))

    async def _report(self) -> ControlPlaneDown | None:
        """Tell the control plane what runs here, and do what it orders. Why it was not told, if so."""
        failure = None
        if self.trial.look(self.observer, self.traffic.names):
            self._give_generation()
        try:
            told = self.host.whole() | self.targets.report() | self.lessor.report() | self._lives.report()
            answer = await asyncio.to_thread(self._control.post, "report", msgspec.json.encode(told))
            await self.standing.hear(answer)
            self.lessor.noted(told)
            self._lives.noted(told)
            self._is_heard = True
        except ControlPlaneDown as error:
            if self._is_heard:
                logger.warning("reporting failed: %s", error)
            self._is_heard, failure = False, error
        self._catch_up()
        return failure

    def is_ready(self) -> bool:
        """True when every slot has a worker that serves, and the gateway is not draining."""
        is_serving = bool(self.slots) and not self.standing.is_draining
        return is_serving and all(
            slot.applied and slot.applied.revision and not self.watching.is_silent(slot) for slot in self.slots
        )

    def ask_to_roll(self) -> None:
        """Replace the workers, in the background."""
        self._duties.do(self._rolling.roll())

    def ask_to_give_over(self, arguments: Sequence[str]) -> None:
        """Give over to a supervisor of the code on disk, in the background."""
        self._duties.do(self._rolling.give_over(arguments))

    async def _stop(self) -> None:
        for slot in self.slots:
            slot.stop()
            asyncio.get_running_loop().call_later(CLOSE_S, slot.close)
        deadline = time.monotonic() + STOP_S
        while any(slot.applied is not None for slot in self.slots) and time.monotonic() < deadline:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)
        for slot in self.slots:
            slot.kill()
        await self.lessor.stop()
        await asyncio.to_thread(self.observer.read, self._live_boots())
        await self.shipper.ship_once()
        await asyncio.to_thread(self.traces.ship_last)
        if self.spans is not None:
            await asyncio.to_thread(self.spans.export)
        self._duties.cancel()
        self._control.close()
