"""slowhttptest against a gateway: slow callers are cut off, cost bounded memory, and deny nobody (H9)."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from gateway_sync.runtime.processes import peak_bytes
from gateway_sync.snapshot import Policy
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.gateways import GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="slowhttptest is not installed"),
]

ATTACKERS = 150
LONG = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2097152\r\n\r\n" + b"x" * 2_097_152
SHORT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
MOST_GROWTH = 96 * 2**20  # what 150 answers of 2 MiB in full would be three times
ATTACKS = {
    "headers": ("-H", "-i", "1", "-x", "8"),
    "body": ("-B", "-i", "1", "-x", "8", "-s", "65536"),
    "read": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "16", "-k", "3"),
    "range": ("-R", "-a", "1", "-b", "3000", "-t", "GET"),
}


class Healthy(threading.Thread):
    """Somebody who calls as callers do, on a connection of its own each time."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.is_over = threading.Event()
        self.answers: list[bytes] = []

    def run(self) -> None:
        while not self.is_over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
            try:
                connection.request("GET", "/bank/v1/users/me")
                answer = connection.getresponse()
                self.answers.append(b"%d %s" % (answer.status, answer.read()))
            except (OSError, http.client.HTTPException) as error:
                self.answers.append(repr(error).encode())
            connection.close()
            time.sleep(0.02)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Anonymous callers get 2 MiB from /accounts; a head has 3 s, 4 KiB of a body 2 s."""
    limits = Policy(
        "client-limits", {"headerTimeout": "3s", "bodyTimeout": "2s", "idleTimeout": "3s", "overloadLag": "60s"}
    )
    home = Home(tmp_path_factory.mktemp("gateway"))
    with RawUpstream() as upstream:

        def script(peer: object, request: bytes) -> bool:
            peer.sendall(LONG if b"/accounts" in request else SHORT)  # type: ignore[attr-defined]
            return True

        upstream.script = script
        version = make_version(
            upstream.port,
            policies=(Policy("key-auth", {"anonymous": True, "basic": False, "bearer": True, "header": ""}),),
        )
        home.install(make_snapshot([version], environment=make_environment(policies=(limits,))))
        process = GatewayProcess(home)
        try:
            yield process.wait_ready()
        finally:
            process.stop()


def connections(gateway: GatewayProcess) -> tuple[int, int]:
    """How many were opened, and how many of them are open."""
    workers = gateway.status()["workers"]
    assert isinstance(workers, list)
    stats = workers[0]["stats"]
    return int(stats["connections_opened"]), int(stats["connections_opened"]) - int(stats["connections_closed"])


@pytest.mark.parametrize("attack", ATTACKS)
def test_slow_callers_are_cut_off_and_deny_nobody(gateway: GatewayProcess, attack: str) -> None:
    (worker,) = gateway.pids()
    before, (opened, _) = peak_bytes(worker), connections(gateway)
    healthy = Healthy(gateway.port)
    command = ["slowhttptest", *ATTACKS[attack], "-c", str(ATTACKERS), "-r", str(ATTACKERS), "-l", "600", "-p", "60"]
    attacker = subprocess.Popen(
        [*command, "-u", f"http://127.0.0.1:{gateway.port}/bank/v1/accounts"], stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: connections(gateway)[0] >= opened + ATTACKERS, "all attackers are there")
        healthy.start()
        wait_until(lambda: len(healthy.answers) > 20, "others are served")
        wait_until(lambda: connections(gateway)[1] <= 2, "the attackers are cut off")  # the healthy one may be there
        healthy.is_over.set()
        healthy.join()
        assert set(healthy.answers) == {b"200 ok"}
        wait_until(lambda: connections(gateway)[1] == 0, "nobody is left")
    finally:
        healthy.is_over.set()
        attacker.kill()
        attacker.wait()
    assert peak_bytes(worker) - before < MOST_GROWTH
    assert gateway.pids() == [worker]
