"""ControlPlane: the doors of the control plane, over HTTP with the gateway's own token.

Blocking, for use in threads: a supervisor asks seldom, and the standard library's client is enough for that.
"""

from __future__ import annotations

import functools
import http.client
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from gateway_sync.runtime.credentials import Doors
from gateway_sync.snapshot import MAX_STATE_BYTES

TIMEOUT_S = 10.0
SLOWEST_BYTES_S = 16_384  # who answers by the drop, each drop in time, would keep everything else waiting for ever
LONGEST_RETRY_S = 86_400
_DIGITS = 10  # more of them are more than that
MOST_BYTES = 4 * MAX_STATE_BYTES  # of an answer: a state as texts in JSON, and a page of access records


class ControlPlaneDown(Exception):
    """No (usable) answer came."""


class ControlPlaneRefused(ControlPlaneDown):
    """It answered with another status than 200. Units: retry_after_s, 0 = not said."""

    def __init__(self, status: int, retry_after_s: int, body: bytes) -> None:
        """body is kept for the log."""
        super().__init__(f"status {status}: {body[:200].decode(errors='replace')}")
        self.status = status
        self.retry_after_s = retry_after_s


class ControlPlane:
    """One connection a call: calls are seconds apart, and a stale connection would look like a dead control plane."""

    def __init__(self, doors: Callable[[], Doors]) -> None:
        """doors is asked with each call: the token is not wanted in memory before the first one."""
        self._doors = doors
        self._is_closed = False
        self._waiting: set[http.client.HTTPConnection] = set()

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def post(self, door: str, body: bytes, wait_s: float = 0.0, content_type: str = "application/json") -> bytes:
        """The body of the answer of /gateway/v1/{door}. Errors: ControlPlaneDown, ControlPlaneRefused."""
        doors = self._doors()
        parts = urlsplit(doors.control_url)  # it may have a path prefix
        host, timeout_s = parts.hostname or "", TIMEOUT_S + wait_s
        connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=self._tls)
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
        )
        self._waiting.add(connection)
        try:
            if self._is_closed:
                raise ControlPlaneDown("this gateway is stopping")
            fields = {"Authorization": f"Bearer {doors.token}", "Content-Type": content_type}
            connection.request("POST", f"{parts.path.rstrip('/')}/gateway/v1/{door}", body, fields)
            answer = connection.getresponse()
            content = read_answer(answer, time.monotonic() + timeout_s)
        except (OSError, http.client.HTTPException) as error:
            raise ControlPlaneDown(str(error)) from error
        finally:
            self._waiting.discard(connection)
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ControlPlaneRefused(answer.status, _seconds(answer.headers.get("Retry-After", "")), content)
        return content

    def close(self) -> None:
        """End the calls that wait for an answer: a gateway that stops must not wait for news."""
        self._is_closed = True
        for connection in list(self._waiting):
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)


def read_answer(answer: http.client.HTTPResponse, until: float) -> bytes:
    """The body, which should come until then.

    Errors: ControlPlaneDown when it is too slow, or larger than any answer is; OSError, HTTPException.
    """
    content = bytearray()
    while part := answer.read1():
        content += part
        if len(content) > MOST_BYTES:
            message = f"its answer is too large: {len(content)} bytes so far"
            raise ControlPlaneDown(message)
        if time.monotonic() > until + len(content) / SLOWEST_BYTES_S:
            message = f"its answer came too slowly: {len(content)} bytes by then"
            raise ControlPlaneDown(message)
    if answer.length:
        raise http.client.IncompleteRead(bytes(content), answer.length)
    return bytes(content)


def _seconds(text: str) -> int:
    """What a field says in seconds, no more than anybody waits for; 0 for anything else."""
    is_number = text.isascii() and text.isdigit()
    return min(int(text[:_DIGITS]), LONGEST_RETRY_S) if is_number else 0
