"""Bodies that take their time, and what they cost a gateway meanwhile."""

from __future__ import annotations

from pathlib import Path

from tests.wire.gateways import KEY, GatewayProcess
from tests.wire.raw import RawClient


def rss_bytes(pid: int) -> int:
    """Memory of a process that is resident now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


SIZE = 1 << 20


def upload(client: RawClient, target: str, size: int = SIZE, sent: int = SIZE - 1) -> None:
    """Begin to send a body of a size, and leave the rest for later."""
    head = f"{target} HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Type: application/json\r\n"
    client.send(f"{head}Content-Length: {size}\r\n\r\n".encode() + b" " * sent)


def gauge(gateway: GatewayProcess, name: str) -> int:
    """The sum of a metric over the workers."""
    lines = gateway.admin("/metrics")[1].decode().splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")))
