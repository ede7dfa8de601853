"""HealthChecks: asks targets whether they can serve, in one worker of the host, which tells the others.

Owns: when which target is asked, and the probes. Verdicts go to all workers by way of the supervisor, so that N workers
ask no more than one does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway_sync.runtime.core.health import CheckedTarget
from gateway_sync.runtime.dialing import ConnectFailed
from gateway_sync.runtime.upstream_states import check_key

if TYPE_CHECKING:
    from gateway_sync.runtime.core.balancing import Member
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.upstreams.health_check import HealthCheck

AT_ONCE = 32
MAX_HEAD_BYTES = 65_536
_AGENT = b"User-Agent: apim-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"


class HealthChecks:
    """The checks of all targets of a worker's snapshot."""

    def __init__(self, serving: Serving, on_turn: Callable[[list[str]], None]) -> None:
        """on_turn is given the keys of all targets that are down whenever one turned."""
        self._serving = serving
        self._on_turn = on_turn
        self._states: dict[tuple[str, HealthCheck], CheckedTarget] = {}
        self._due_ms: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def tick(self) -> None:
        """Ask those whose time has come; called with each sweep."""
        serving = self._serving
        now_ms = serving.now_ms
        due: dict[str, int] = {}
        for pool in serving.upstreams.pools():
            check = pool.settings.health_check
            if check is None:
                continue
            for member in pool.members:
                key = check_key(pool.version_id, member.key)
                # The first one at once, the next ones each at a time of its own, so that they do not come together.
                due[key] = self._due_ms.get(key, now_ms)
                if due[key] <= now_ms and key not in self._tasks and len(self._tasks) < AT_ONCE:
                    is_new = key not in self._due_ms
                    whole = check.interval_ms
                    due[key] = now_ms + (random.randint(whole // 2, whole) if is_new else whole)  # noqa: S311
                    self._ask(key, member, check)
        self._due_ms = due

    def _ask(self, key: str, member: Member, check: HealthCheck) -> None:
        task = asyncio.get_running_loop().create_task(self._probe(key, member, check))
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _probe(self, key: str, member: Member, check: HealthCheck) -> None:
        try:
            async with asyncio.timeout(check.timeout_ms / 1000):
                is_failure = not await self._is_healthy(member, check)
        except (TimeoutError, ConnectFailed, OSError):
            is_failure = True
        state = self._states.get((key, check))
        if state is None:
            is_down = key in self._serving.upstreams.down
            # Forget what no snapshot asks for any more, and this target as it was checked by other rules.
            self._states = {
                known: state for known, state in self._states.items() if known[0] in self._due_ms and known[0] != key
            }
            state = self._states[key, check] = CheckedTarget(check.healthy, check.unhealthy, is_down=is_down)
        if state.note(is_failure=is_failure):
            self._on_turn(sorted(self._down()))

    def _down(self) -> set[str]:
        """The targets that are down; of those not asked yet, as it was known before this worker."""
        asked = {key for key, _ in self._states}
        before = set(self._serving.upstreams.down) & self._due_ms.keys()
        return {key for (key, _), state in self._states.items() if state.is_down} | (before - asked)

    async def _is_healthy(self, member: Member, check: HealthCheck) -> bool:
        serving, target = self._serving, member.target
        pool = serving.pool_of(target)
        probe = await pool.connect(serving.rules, Probe)
        try:
            if check.protocol == "tcp" or pool.is_http2:
                return True
            path = target.base_path + check.path.encode()
            probe.transport.write(b"GET %s HTTP/1.1\r\n%s\r\n%s" % (path, target.host_field, _AGENT))
            status: int = await probe.status
        finally:
            probe.transport.abort()
        return status == check.status or (not check.status and 200 <= status < 300)  # noqa: PLR2004


class Probe(asyncio.Protocol):
    """A connection that waits for the status of one answer; 0 when there is none."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        """Not connected yet."""
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport  # type: ignore[assignment]  # a stream protocol gets a Transport

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; the first line is enough."""
        self._head += data
        line, end, _ = self._head.partition(b"\r\n")
        if end:
            self._tell(_status_in(line))
        elif len(self._head) > MAX_HEAD_BYTES:
            self._tell(0)

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed by either side."""
        self._tell(0)

    def _tell(self, status: int) -> None:
        if not self.status.done():
            self.status.set_result(status)


def _status_in(line: bytes) -> int:
    """The status of a status line, 0 when it is none (RFC 9112 section 4)."""
    parts = line.split(b" ", 2)
    is_line = len(parts) > 1 and parts[0] in {b"HTTP/1.1", b"HTTP/1.0"} and len(parts[1]) == 3  # noqa: PLR2004
    return int(parts[1]) if is_line and parts[1].isdigit() else 0
