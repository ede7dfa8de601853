"""Obeying: what a worker does as its supervisor says, what it tells it, and what it does by its own clock."""

from __future__ import annotations

import asyncio
import gc
import hmac
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gateway_sync.problems import Problem
from gateway_sync.runtime import channel
from gateway_sync.runtime.access_orders import read_access
from gateway_sync.runtime.access_table import AccessTable
from gateway_sync.runtime.composing import Compositions
from gateway_sync.runtime.composition_journal import CompositionJournal
from gateway_sync.runtime.confirming import Confirming
from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.core.index import Index
from gateway_sync.runtime.exchange import Exchange
from gateway_sync.runtime.generations import GenerationInvalid
from gateway_sync.runtime.health_checks import HealthChecks
from gateway_sync.runtime.inflight import SLOTS, Inflight
from gateway_sync.runtime.limit_cells import LimitCells
from gateway_sync.runtime.loading import load_index
from gateway_sync.runtime.overload import LagWatch
from gateway_sync.runtime.serving import SWEEP_S, Serving
from gateway_sync.runtime.sharing import Sharing
from gateway_sync.runtime.shedding import ShedExchange
from gateway_sync.runtime.spool import Spool
from gateway_sync.runtime.stats import BODIES_REFUSED, note_gauges, open_cells
from gateway_sync.runtime.target_board import CHECKING_SLOT
from gateway_sync.runtime.tls import TLSServer
from gateway_sync.runtime.trace_ring import TraceRing, ring_path
from gateway_sync.runtime.tracing import Tracing
from gateway_sync.runtime.upstream_states import UpstreamStates
from gateway_sync.runtime.usage_cells import UsageCells, cells_path

logger = logging.getLogger(__name__)

TOLD_EVERY = 4  # sweeps between two words about targets, and about the worker itself
CELLS_EVERY = 4  # sweeps between two notes of the anonymous counts


class Worker:
    """One worker: the serving state, and the channel to the supervisor."""

    def __init__(
        self, settings: channel.Settings, index: Index, access: AccessTable, writer: asyncio.StreamWriter
    ) -> None:
        """Errors: OSError when the maps of this slot cannot be allocated."""
        home = Path(settings.home)
        spool = home / "spool"
        pepper = bytes.fromhex(settings.pepper)
        self._writer = writer
        self.retirement = asyncio.Event()
        self.changed = asyncio.Event()  # what callers may do
        self._access = access

        def keyed_hash(text: bytes) -> str:
            return hmac.digest(pepper, text, "sha256").hex()

        gate = Gate(index, self._access, keyed_hash, settings.pseudonym.encode())
        self._is_heard = settings.hears_alive
        vouched_at = settings.vouched_at
        self._confirming = Confirming(gate, None if isinstance(vouched_at, msgspec.UnsetType) else vouched_at)
        self.serving = Serving(
            gate,
            LimitCells(home / "limits.2.map", is_shared=settings.workers > 1),
            Spool(spool, settings.boot, settings.slot, settings.spool_bytes),
            UsageCells(cells_path(spool, settings.boot, settings.slot), settings.spool_bytes),
            open_cells(home / f"stats.{settings.slot}.map"),
            settings.boot,
            settings.port,
            settings.own_addresses,
            settings.given,
            settings.tls_port,
            UpstreamStates(settings.workers, keyed_hash),
            bytes.fromhex(settings.sealing_key),
        )
        if settings.workers <= SLOTS:
            self.serving.inflight = Inflight(home / "inflight.map", settings.slot, settings.workers)
        journal = CompositionJournal(home / "composites", settings.slot, settings.boot)
        self.compositions = Compositions(self.serving, journal)
        self.serving.compositions = self.compositions
        self.serving.trace(_tracing(home, settings))
        self.serving.upstreams.judge(settings.down, self.serving.now_ms)
        self.sharing = self.serving.sharing = Sharing(
            self.serving, home, lambda told: writer.write(channel.encode(told))
        )
        if settings.is_shared:
            self.sharing.begin(settings.lease_wait_s)
        is_checking = settings.slot == CHECKING_SLOT
        self._checks = HealthChecks(self.serving, self._on_turn) if is_checking else None
        self._told_of = ""  # the digest of the snapshot whose targets were told
        self.tls: TLSServer | None = None
        self._edge_problems: tuple[Problem, ...] = ()

    def listen(self, listener: socket.socket, sealing_key: str) -> None:
        """Serve HTTPS too."""
        self.tls = TLSServer(self.serving, listener, bytes.fromhex(sealing_key))
        self._edge_problems = self.tls.use(self.serving.gate.index.edge)

    def _problems(self) -> list[tuple[str, str]]:
        found = (*self.serving.gate.index.problems, *self._edge_problems)
        return [(problem.code, problem.message) for problem in found]

    def _tell(self, problems: list[tuple[str, str]], refused: str = "") -> None:
        index = self.serving.gate.index
        told = channel.Applied(index.revision, index.digest, self._access.seq, problems, refused)
        self._writer.write(channel.encode(told))

    async def follow(self, reader: asyncio.StreamReader, orders: Sequence[channel.ToWorker]) -> None:
        """Do what the supervisor says, until it is gone; first what it said already."""
        self._tell(self._problems())
        for order in orders:
            await self._obey(order, reader)
        while line := await reader.readline():
            await self._obey(channel.decode_order(line), reader)

    async def _obey(self, order: channel.ToWorker, reader: asyncio.StreamReader) -> None:
        if isinstance(order, channel.Apply):
            await self._apply(order)
        elif isinstance(order, channel.Retire):
            self.retirement.set()
        elif isinstance(order, channel.ApplyAccess):
            for passed in await self._apply_access(order, reader):
                await self._obey(passed, reader)
        elif isinstance(order, channel.Vouched):
            self._note_turn(is_turned=self._confirming.note(order.at))
        elif isinstance(order, channel.Verdicts):
            self.serving.upstreams.judge(order.down, self.serving.now_ms)
        else:
            self.sharing.hear(order)

    def _note_turn(self, *, is_turned: bool) -> None:
        """Look at once who may keep a tunnel, when credentials are refused now or taken again."""
        if is_turned:
            self.changed.set()

    def _on_turn(self, down: list[str]) -> None:
        """A health check turned a target: heed it here, and let the supervisor tell the others."""
        self.serving.upstreams.judge(down, self.serving.now_ms)
        self._writer.write(channel.encode(channel.Verdicts(down)))

    def _tell_targets(self) -> None:
        """What is new about the targets."""
        targets, events = self.serving.upstreams.news(self.serving.now_ms)
        digest = self.serving.gate.index.digest
        if targets or events or digest != self._told_of:
            is_anew, self._told_of = digest != self._told_of, digest
            self._writer.write(channel.encode(channel.Told(targets, events, is_anew)))

    async def _apply(self, order: channel.Apply) -> None:
        try:
            index = await build(Path(order.generation), self.serving.gate.index)
            problems = self.tls.use(index.edge) if self.tls is not None else ()
            self.serving.use(index)
            self._confirming.look()
            self.changed.set()
            self._edge_problems = problems
        except Exception as error:  # the edge of the process: whatever a state holds, the one before goes on serving
            logger.exception("state %s cannot be used", order.generation)
            if self.tls is not None:
                self.tls.use(self.serving.gate.index.edge)
            self._tell([("generation.E001", f"{type(error).__name__}: {error}")], refused=order.digest)
            return
        gc.collect()
        gc.freeze()
        self._tell(self._problems())

    async def _apply_access(
        self, order: channel.ApplyAccess, reader: asyncio.StreamReader
    ) -> Sequence[channel.ToWorker]:
        """What else was ordered until the access records were found."""
        passed: Sequence[channel.ToWorker] = ()
        if order.access_file:
            self._access, passed = await read_access(order, reader)
            self.serving.gate.use_records(self._access)
        else:
            self._access.apply(order.records, order.upto)
        self.serving.gate.forget()
        self.changed.set()
        self._tell([])
        return passed

    def _watch_lag(self) -> LagWatch:
        """Refuse requests while the event loop is late."""

        def tell(is_overloaded: bool) -> None:  # noqa: FBT001 - a callback
            if self.retirement.is_set():
                return
            self.serving.exchange = ShedExchange if is_overloaded else Exchange
            logger.warning("the event loop is %s", "too late: requests are refused" if is_overloaded else "in time")

        return LagWatch(lambda: self.serving.bounds.lag_s, tell)

    def _note_gauges(self, watch: LagWatch) -> None:
        pools, bodies = self.serving.pools.values(), self.serving.bodies
        refused, bodies.refused = bodies.refused, 0
        self.serving.stats[BODIES_REFUSED] += refused
        note_gauges(
            self.serving.stats,
            loop_lag_us=int(watch.longest_s * 1e6),
            upstreams_open=sum(pool.open_count for pool in pools),
            upstreams_idle=sum(len(pool.idle) for pool in pools),
            composites_under_way=len(self.compositions.under_way),
            kept_body_bytes=bodies.held,
            unsent_bytes=self.serving.unsent.held,
        )

    async def sweep(self) -> None:
        """The timer of this worker, beside that of its lag."""
        watch = self._watch_lag()
        count = 0
        while True:
            await asyncio.sleep(SWEEP_S)
            count += 1
            try:
                self._sweep_once(count, watch)
            except Exception:  # the edge of the process: without this timer no caller's time would ever be over
                logger.exception("a sweep failed")

    def _sweep_once(self, count: int, watch: LagWatch) -> None:
        if count % TOLD_EVERY == 0 and self._is_heard:
            self._writer.write(channel.encode(channel.Alive(self.serving.spool.seq)))
        self._note_turn(is_turned=self._confirming.look())
        self.serving.sweep(asyncio.get_running_loop().time())
        if self._checks is not None:
            self._checks.tick()
        if count % TOLD_EVERY == 0:
            self._tell_targets()
            self._note_gauges(watch)
            self.sharing.sweep()
        if count % CELLS_EVERY == 0:
            self.serving.flush_cells()


def _tracing(home: Path, settings: channel.Settings) -> Tracing:
    """What explains this worker's calls; nothing does where there is no room for its ring, which must stop no call."""
    try:
        ring = TraceRing(ring_path(home, settings.slot))
    except OSError as error:
        logger.warning("calls are not explained: %s", error)
        return Tracing()
    return Tracing(ring, settings.slot, is_exporting=settings.is_exporting)


async def build(path: Path, before: Index | None = None) -> Index:
    """The index of a generation; lets requests pass between slices of the work. Errors: as load_index."""
    for index in load_index(path, before):
        if index is not None:
            return index
        await asyncio.sleep(0)
    raise GenerationInvalid(str(path))
