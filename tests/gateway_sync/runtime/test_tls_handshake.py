"""What accepting meets that is of one caller, or of nobody, costs no other caller anything."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gateway_sync.runtime.tls_handshake import TLSAcceptor
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from gateway_sync.runtime.serving import Serving


class Failing(socket.socket):
    """A listener whose queue holds connections that went wrong before the others."""

    errors: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()


@pytest.mark.parametrize("error", [errno.ECONNABORTED, errno.EPROTO, errno.ENETUNREACH, errno.EMFILE, errno.EIO])
def test_the_next_caller_is_accepted_whatever_befell_the_one_before(error: int) -> None:
    faults: list[dict[str, Any]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        bounds = SimpleNamespace(head_s=5.0, connections_per_address=0)
        serving = SimpleNamespace(clients=set(), max_clients=-(10**6), clock=0.0, bounds=bounds)  # cut off at once
        with Failing(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.errors = [error]
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            unused = cast("Any", None)
            acceptor = TLSAcceptor(cast("Serving", serving), listener, lambda: unused, lambda _: unused)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            async with asyncio.timeout(PATIENCE_S):
                assert await reader.read() == b""  # accepted, and cut off
            writer.close()
            acceptor.close()

    asyncio.run(run())
    assert faults == []
