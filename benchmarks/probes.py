"""One call at a time, until a subject answers rightly."""

from __future__ import annotations

import http.client
import time

from benchmarks.load import Call

WITHIN_S = 120.0


def wait_for_answer(port: int, call: Call) -> None:
    """Return at the first 200.

    Errors: TimeoutError with the last status.
    """
    deadline = time.monotonic() + WITHIN_S
    status = 0
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", call.path, headers={"X-API-Key": call.key})
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        if status == http.client.OK:
            return
        time.sleep(0.01)
    message = f"port {port} answers {status} to {call.path}"
    raise TimeoutError(message)
