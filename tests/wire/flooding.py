"""A flood from a process of its own: `python -m tests.wire.flooding PORT CONNECTIONS`.

Says "on" once calls were answered, and goes on until its input ends. Then it prints how many calls had which status,
and how many broke.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter

from tests.fault.calling import Caller
from tests.waiting import wait_until

_ON = 100


def main(port: int, connections: int) -> None:
    """All of it."""
    is_over = threading.Event()
    callers = [Caller(port, 1, is_over) for _ in range(connections)]
    for caller in callers:
        caller.start()
    wait_until(lambda: sum(len(caller.completed) for caller in callers) > _ON, "the flood is on")
    print("on", flush=True)
    sys.stdin.read()
    is_over.set()
    for caller in callers:
        caller.join()
    statuses = Counter(str(status) for caller in callers for _, status in caller.completed)
    print(json.dumps({"statuses": statuses, "broken": sum(caller.broken for caller in callers)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
