"""`python -m benchmarks.herd_probe PORT PATH…`: asks for small answers until its input ends; tells the seconds as JSON.

A process of its own, for two hundred gateways in one process keep its threads waiting: what is told here is what the
web makes another caller wait. The paths are asked one after another, each over a new connection.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Sequence

_EVERY_S = 0.05
_PATIENCE_S = 30.0
_OK = 200


def main(port: int, paths: Sequence[str]) -> None:
    """Ask until nobody writes to the input any more."""
    is_over = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=watch, daemon=True).start()
    took: dict[str, list[float]] = {path: [] for path in paths}
    while not is_over.wait(_EVERY_S):
        for path in paths:
            seconds = ask(port, path)
            took[path].append(_PATIENCE_S if seconds is None else seconds)
    print(json.dumps(took))


def ask(port: int, path: str) -> float | None:
    """Seconds until an answer was read; None when none came."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return time.monotonic() - began if answer.status == _OK else None


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
