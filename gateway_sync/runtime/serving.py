"""Serving: what all connections of one worker share; the state that a snapshot swap replaces."""

from __future__ import annotations

import logging
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import msgspec

from gateway_sync.runtime.bounds import Given, bounds_of, connections_possible
from gateway_sync.runtime.core.addresses import AddressCounts
from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.core.balancing import hash_of
from gateway_sync.runtime.core.budgets import Budget
from gateway_sync.runtime.core.index import Index, VersionEntry
from gateway_sync.runtime.core.networks import rules_for
from gateway_sync.runtime.core.sampling import NEVER
from gateway_sync.runtime.core.shadows import Shadows
from gateway_sync.runtime.core.targets import TargetEntry, TargetTLS
from gateway_sync.runtime.discovery import Discovery
from gateway_sync.runtime.exchange import Exchange
from gateway_sync.runtime.inflight import Inflight
from gateway_sync.runtime.limit_cells import LimitCells
from gateway_sync.runtime.spool import Spool
from gateway_sync.runtime.stats import CONNECTIONS_CLOSED
from gateway_sync.runtime.tracing import Tracing
from gateway_sync.runtime.tunnel import TunnelPlaces
from gateway_sync.runtime.upstream_pool import Pool
from gateway_sync.runtime.upstream_states import UpstreamStates
from gateway_sync.runtime.upstream_tls import Dialed, UpstreamContexts
from gateway_sync.runtime.usage_cells import UsageCells

if TYPE_CHECKING:
    from gateway_sync.runtime.client import ClientConnection
    from gateway_sync.runtime.composing import Compositions
    from gateway_sync.runtime.http2 import HTTP2Connection
    from gateway_sync.runtime.sharing import Sharing
    from gateway_sync.runtime.tls_handshake import TLSHandshake
    from gateway_sync.runtime.tunnel import Tunnel

logger = logging.getLogger(__name__)

SWEEP_S: Final = 0.25


class Serving:
    """One worker's shared state.

    Units: clock is the event loop's time at the last sweep; good enough for timeouts, and free to read.
    """

    def __init__(
        self,
        gate: Gate,
        limits: LimitCells,
        spool: Spool,
        cells: UsageCells,
        stats: memoryview,
        boot: str,
        port: int,
        own_addresses: tuple[str, ...],
        given: Given,
        tls_port: int = 0,
        upstreams: UpstreamStates | None = None,
        sealing_key: bytes = b"",
    ) -> None:
        """own_addresses are `host:port` of this gateway's own listeners, never to be proxied to."""
        self.gate = gate
        self.limits = limits
        self.spool = spool
        self.cells = cells
        self.stats = stats
        self.boot = boot.encode()[:16]
        self.port = port
        self.tls_port = tls_port
        self.is_draining = False
        self._given = given
        self._possible = connections_possible()
        self.bounds = bounds_of(gate.index.environment.policies, given)
        self.max_clients = self.bounds.connections or self._possible
        self.addresses = AddressCounts()
        self.bodies = Budget(self.bounds.bodies_bytes)
        self.unsent = Budget(self.bounds.unsent_bytes)
        self.exchange: type[Exchange] = Exchange  # what a request becomes; another while the worker is overloaded
        self.date = date_line()
        self.clock = time.monotonic()
        self.now_ms = int(self.clock * 1000)
        self.upstreams = upstreams or UpstreamStates(1, lambda text: f"{hash_of(text):020}")
        self.upstreams.use(gate.index, self.now_ms)
        self.discovery = Discovery()
        self.clients: set[ClientConnection | HTTP2Connection | TLSHandshake | Tunnel] = set()
        self.tunnels = TunnelPlaces()
        self.compositions: Compositions | None = None  # set by the worker
        self.pools: dict[tuple[tuple[str, int], bool, TargetTLS | None, bool], Pool] = {}
        self.shadows = Shadows()
        self.sharing: Sharing | None = None  # set by the worker
        self.inflight: Inflight | None = None  # set where the worker has a slot
        self._own_addresses = own_addresses
        self._contexts = UpstreamContexts(sealing_key)
        self.rules = rules_for(gate.index.environment, own_addresses)
        self.tracing = Tracing()
        self.sample_from = NEVER  # the number of the exchange from which on Tracing is asked at the start
        self.is_tracing = False  # spans are sent to a collector

    def use(self, index: Index) -> None:
        """Serve by another index; exchanges under way end by the one they began with."""
        rules = rules_for(index.environment, self._own_addresses)  # first: it may raise
        bounds = bounds_of(index.environment.policies, self._given)
        edge = self.gate.index.edge
        self.gate.use(index)
        self.upstreams.use(index, self.now_ms)
        self.rules = rules
        self.bounds = bounds
        self.max_clients = bounds.connections or self._possible
        self.bodies.most, self.unsent.most = bounds.bodies_bytes, bounds.unsent_bytes
        self.tracing.use(index.environment.policies, self)
        if index.edge != edge:
            self._contexts.forget()
        wanted = {target.connects_by for version in index.versions.values() for target in version.targets}
        wanted |= {pool.mirror.connects_by for pool in self.upstreams.pools() if pool.mirror is not None}
        for key, pool in list(self.pools.items()):
            if index.edge != edge and key[2] is not None and key[2].settings.client_certificate:
                wanted.discard(key)  # the next connections show the certificate of now
            if key not in wanted or not self.rules.admits(*key[0]):
                pool.close()
                del self.pools[key]

    def trace(self, tracing: Tracing) -> None:
        """Explain exchanges from now on."""
        self.tracing = tracing
        self.is_tracing = tracing.is_exporting
        tracing.use(self.gate.index.environment.policies, self)

    def leave(self, subject: str) -> None:
        """A caller's connection is gone; subject is what its address was counted under, "" = not at all."""
        self.stats[CONNECTIONS_CLOSED] += 1
        if subject:
            self.addresses.release(subject)

    def pool_of(self, target: TargetEntry) -> Pool:
        """The pool of a target."""
        key = target.connects_by
        pool = self.pools.get(key)
        if pool is None:
            edge = self.gate.index.edge
            way = self._contexts.way_to(target, edge) if target.is_tls else Dialed(is_http2=target.is_http2)
            pool = self.pools[key] = Pool(target.address, way, self.clock)
        return pool

    def count_anonymous(self, route: str, version: VersionEntry | None, status: int, code: str) -> None:
        """Count an exchange without an identity."""
        self.cells.add((_minute(), route, version.id if version else "", status, code))

    def flush_cells(self) -> None:
        """Note the anonymous counts, and those of policies in shadow, in the spool and begin anew."""
        cells, minute = self.cells, _minute()
        for version_id, route, code, count in self.shadows.take():
            if cells.has_room:
                cells.add((minute, route, version_id, 0, code), count)
        if cells and self.spool.add_cells(msgspec.msgpack.encode(cells.noted())):
            cells.begin_next()

    def sweep(self, now: float) -> None:
        """Close what has waited too long; called each SWEEP_S."""
        self.clock = now
        self.now_ms = int(now * 1000)
        self.discovery.tick(self)
        self.date = date_line()
        for client in [client for client in self.clients if client.deadline < now]:
            try:
                client.expire()
            except Exception:  # the edge of the process: a bug with one must not keep all others for ever
                logger.exception("a caller's time is over, and ending its connection failed")
                self.clients.discard(client)
        for pool in self.pools.values():
            pool.close_idle(now)
        self.spool.prepare()
        self.tracing.fill(SWEEP_S, self)


def _minute() -> int:
    """The minute of now, in seconds since the epoch."""
    return int(time.time()) // 60 * 60


def date_line() -> bytes:
    """The Date field of the gateway's own answers (RFC 9110 section 6.6.1)."""
    return b"Date: " + formatdate(usegmt=True).encode()
