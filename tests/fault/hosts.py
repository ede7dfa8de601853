"""Gateways of one environment on several hosts, and the Redis where they meet."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import redis

from gateway_sync.runtime.lease_scripts import OPEN, Names
from gateway_sync.snapshot import Plan, Quota, Snapshot
from tests.fault.calling import Caller, call
from tests.ports import free_ports
from tests.waiting import wait_until
from tests.wire.gateways import GatewayProcess, Home, make_environment, make_snapshot, make_version

NAMES = Names("default")


class RedisServer:
    """A Redis of its own, that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        """Running."""
        self._folder = folder
        folder.mkdir()
        (self.port,) = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        """Begin, empty."""
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program is not None
        command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Stop, continue or kill it."""
        os.kill(self.process.pid, number)
        if number == signal.SIGKILL:
            self.process.wait()


class Opener(threading.Thread):
    """Opens an epoch once as many hosts have said what they used: the control plane's part."""

    def __init__(self, server: RedisServer, hosts: int) -> None:
        """Not started."""
        super().__init__(daemon=True)
        self._client, self._hosts = server.client, hosts
        self.is_over = threading.Event()

    def run(self) -> None:
        """Until it is over."""
        while not self.is_over.wait(0.05):
            try:
                opening = (self._client.get(NAMES.opening) or b"").decode()
                if opening and self._client.scard(NAMES.declared(opening)) >= self._hosts:
                    self._client.eval(OPEN, 2, NAMES.opening, NAMES.epoch, opening)
            except redis.RedisError:
                continue


class Hosts:
    """Two gateways of one environment, each with a home of its own, and the Redis where they meet."""

    def __init__(self, folder: Path, snapshot: Snapshot) -> None:
        """Both serve the snapshot, and share."""
        self.redis = RedisServer(folder / "redis")
        self.opener = Opener(self.redis, hosts=2)
        self.opener.start()
        first = Home(folder / "first", redis_url=self.redis.url)
        self.homes = [first, replace(first, path=folder / "second")]
        for home in self.homes:
            home.install(snapshot)
        self.gateways = [GatewayProcess(home, workers=2).wait_ready() for home in self.homes]
        self.wait_shared()

    def wait_shared(self) -> None:
        """Return once both lease."""
        wait_until(
            lambda: all(b"\napim_limits_degraded 0" in gateway.admin("/metrics")[1] for gateway in self.gateways)
        )

    def wait_degraded(self) -> None:
        """Return once neither does."""
        wait_until(
            lambda: all(b"\napim_limits_degraded 1" in gateway.admin("/metrics")[1] for gateway in self.gateways)
        )

    def call(self, calls: int) -> Counter[int]:
        """The statuses of so many calls, of four callers at each gateway."""
        found: list[Caller] = []
        threads = [
            threading.Thread(target=lambda port=gateway.port: found.extend(call(port, callers=4, calls=calls // 8)))
            for gateway in self.gateways
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return Counter(status for caller in found for _, status in caller.completed)

    def stop(self) -> None:
        """All of it."""
        for gateway in self.gateways:
            gateway.stop()
        self.opener.is_over.set()
        self.opener.join()
        self.redis.stop()


LIMIT = 1000
QUOTA = Quota(LIMIT, "month")


def snapshot(upstream_port: int, *, is_postpaid: bool, quota: Quota = QUOTA) -> Snapshot:
    plain = make_snapshot([make_version(upstream_port)], quotas=(quota,), environment=make_environment(gateways=2))
    plans = tuple(replace(plan, is_postpaid=is_postpaid) for plan in plain.products.plans)
    assert all(isinstance(plan, Plan) for plan in plans)
    return replace(plain, products=replace(plain.products, plans=plans))
