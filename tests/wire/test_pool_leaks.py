"""Whatever services and callers do, nothing of a pool stays taken when the calls are over."""

from __future__ import annotations

import random
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.waiting import wait_until
from tests.wire.pools import FAILED, GET, body_of, gateway
from tests.wire.raw import OK, RawClient, RawUpstream

SETTINGS: dict[str, object] = {
    "balancing": {"algorithm": "least-requests"},
    "ejection": {"failures": 4, "for": "200ms"},
    "breaker": {"minimumCalls": 30, "errorShare": 95, "openFor": "200ms"},
    "limits": {"connections": 4, "pending": 4},
    "retries": {"attempts": 2, "perTry": "300ms", "budget": 50},
    "slowStart": {"over": "1s"},
}
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
NONSENSE = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"


def moody(chance: random.Random) -> RawUpstream:
    """A service that does something else each time."""

    def script(peer: socket.socket, _request: bytes) -> bool:
        mood = chance.random()
        if mood < 0.5:
            peer.sendall(OK)
            return True
        if mood < 0.7:
            peer.sendall(FAILED)
            return True
        if mood < 0.8:
            peer.sendall(HALF)
            return False
        if mood < 0.85:
            peer.sendall(NONSENSE)
            return False
        if mood < 0.9:
            while peer.recv(65_536):
                pass
        return False

    return RawUpstream(script)


def test_every_place_is_given_back(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - the same test each time
    upstreams = [moody(chance) for _ in range(3)]
    with gateway(tmp_path, upstreams, SETTINGS) as process:
        waiting: list[RawClient] = []
        for _ in range(400):
            client = RawClient(process.port)
            request = GET if chance.random() < 0.7 else body_of(b"POST", b"x" * 5000)
            client.send(request if chance.random() < 0.9 else request[:-10])
            if chance.random() < 0.3:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.socket.close()
            else:
                waiting.append(client)
            if len(waiting) > 12:
                end(waiting.pop(0))
        for client in waiting:
            end(client)

        def active() -> list[Any]:
            status: dict[str, Any] = process.status()
            return [target["active"] for target in status["targets"]]

        wait_until(lambda: active() == [0, 0, 0], "no call is under way")
        for upstream in upstreams:
            upstream.script = lambda peer, _request: not peer.sendall(OK)
        wait_until(lambda: all(call(process.port) == 200 for _ in range(20)))


def end(client: RawClient) -> None:
    """Leave after the answer, whatever it is; a request that was never whole gets none."""
    client.socket.settimeout(1)
    with suppress(OSError):
        client.read_answer()
    client.socket.close()


def call(port: int) -> int:
    """The status of a call."""
    with RawClient(port) as client:
        return client.send(GET).read_answer()[0]
