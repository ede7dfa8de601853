"""Callers of a gateway who know what became of each of their calls."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable

from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess

_BETWEEN_CONNECTIONS_S = 0.005  # else ports that are not free again yet would run out


class Caller(threading.Thread):
    """Calls one after another; keeps the id of each answer that came whole, and how many calls broke."""

    def __init__(
        self,
        port: int,
        calls: int,
        is_enough: threading.Event,
        key: str = KEY,
        *,
        is_kept: bool = True,
        host: str = "127.0.0.1",
    ) -> None:
        """Not started; it makes so many calls, and more until is_enough. is_kept = on one connection while it holds."""
        super().__init__(daemon=True)
        self._host = host
        self._port, self._calls, self._is_enough, self._is_kept = port, calls, is_enough, is_kept
        self._headers = {"X-API-Key": key}
        self.completed: list[tuple[str, int]] = []
        self.broken = 0

    def run(self) -> None:
        """All calls, connecting again after a break."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE_S)
        while len(self.completed) + self.broken < self._calls or not self._is_enough.is_set():
            try:
                connection.request("GET", "/bank/v1/accounts", headers=self._headers)
                answer = connection.getresponse()
                answer.read()
                self.completed.append((answer.headers["X-Request-Id"], answer.status))
            except (OSError, http.client.HTTPException):
                self.broken += 1
                connection.close()
            if not self._is_kept:
                connection.close()
                time.sleep(_BETWEEN_CONNECTIONS_S)
        connection.close()


def call(
    port: int, *, callers: int, calls: int, meanwhile: Callable[[], object] | None = None, key: str = KEY
) -> list[Caller]:
    """Callers that are done; what happens meanwhile begins at half of the calls, and they go on until it is over."""
    is_enough = threading.Event()
    running = [Caller(port, calls, is_enough, key) for _ in range(callers)]
    if meanwhile is None:
        is_enough.set()
    for caller in running:
        caller.start()
    try:
        if meanwhile is not None:
            while sum(len(caller.completed) + caller.broken for caller in running) < callers * calls // 2:
                time.sleep(0.01)
            meanwhile()
    finally:
        is_enough.set()
    for caller in running:
        caller.join()
    return running


def statuses(gateway: GatewayProcess) -> set[int]:
    """What callers on fresh connections are answered: they spread over the workers."""
    return {status for caller in call(gateway.port, callers=8, calls=5) for _, status in caller.completed}


def codes(gateway: GatewayProcess) -> set[str]:
    """What is wrong, as /status says it."""
    problems = gateway.status()["problems"]
    assert isinstance(problems, list)
    return {str(problem["code"]) for problem in problems}


def samples_of(gateway: GatewayProcess, name: str) -> list[str]:
    """The values of a metric."""
    lines = gateway.admin("/metrics")[1].decode().splitlines()
    return [line.rpartition(" ")[2] for line in lines if line.startswith(name)]
