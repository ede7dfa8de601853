"""Ports for servers that must be told theirs before they start."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress

# Below what Linux and macOS give to outgoing connections and to those who ask for any port: nobody takes one of these
# by chance between our look and the server's start.
FIRST, LAST = 15_000, 32_000


def free_ports(count: int) -> range:
    """Ports in a row that nobody listens on now."""
    chance = random.SystemRandom()  # not the seed that two runs of the tests may have in common
    while True:
        first = chance.randrange(FIRST, LAST)
        ports = range(first, first + count)
        with suppress(OSError), ExitStack() as stack:
            for port in ports:
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
            return ports
