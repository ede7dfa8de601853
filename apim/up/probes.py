"""Questions that tell whether a child does its work; each answers at once, or after PATIENCE_S when nobody does.

Who does not listen is known at once. A web process that has just started on a busy machine takes a second for its
first answer, and asking it again would make it begin anew.
"""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

PATIENCE_S = 2.0


def always() -> bool:
    """True: a child that is ready for as long as it runs, since its work waits in a queue."""
    return True


def answers_ok(url: str, patience_s: float = PATIENCE_S) -> bool:
    """True when GET url answers 200."""
    return _get(url, patience_s)[0] == http.client.OK


def gateway_answers(admin_url: str) -> bool:
    """True when the gateway is ready, or drains because somebody wanted it: the console must be there to end that."""
    status, body = _get(f"{admin_url}/healthz/ready")
    return status == http.client.OK or (status == http.client.SERVICE_UNAVAILABLE and b'"draining"' in body)


def status_of(url: str) -> int:
    """The status that GET url answers with; 0 when there is no answer."""
    return _get(url)[0]


def access_seqs(gateway_admin_url: str) -> list[int]:
    """How far each worker of the gateway has come in the log of access changes; empty when there is no answer."""
    status, body = _get(f"{gateway_admin_url}/status")
    return [worker["access_seq"] for worker in json.loads(body)["workers"]] if status == http.client.OK else []


def _get(url: str, patience_s: float = PATIENCE_S) -> tuple[int, bytes]:
    parts = urlsplit(url)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=patience_s)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def answers_ping(path: Path) -> bool:
    """True when a Redis server on the unix socket answers PING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_S)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
