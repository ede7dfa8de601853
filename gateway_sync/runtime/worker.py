"""A worker process: serves requests on the socket of its slot, by what its supervisor tells it.

Composition root of the data path; run as `python -m gateway_sync.runtime.worker SUPERVISOR_PID
LISTEN_FD CHANNEL_FD [TLS_FD]`, or forked from the supervisor.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import uvloop

from gateway_sync.runtime import channel, logs
from gateway_sync.runtime.access_orders import read_access
from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.ending import drain, retire
from gateway_sync.runtime.obeying import Worker, build
from gateway_sync.runtime.tunnel import recheck_tunnels

logger = logging.getLogger(__name__)

YOUNG_OBJECTS = 20_000  # exchanges make no cycles; look for some seldom
_PR_SET_PDEATHSIG = 1


async def serve(listener: socket.socket, link: socket.socket, tls_listener: socket.socket | None = None) -> None:
    """Serve until SIGTERM or the end of the supervisor."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=link, limit=channel.LIMIT)
    settings = channel.decode_order(await reader.readline())
    if not isinstance(settings, channel.Settings):
        return
    index = await build(Path(settings.generation))
    first = channel.ApplyAccess(settings.access_changes, settings.access_seq, settings.access_file)
    access, orders = await read_access(first, reader)
    worker = Worker(settings, index, access, writer)
    serving = worker.serving
    serving.clock = loop.time()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the whole group; the supervisor says when
    server = await loop.create_server(
        lambda: cast("asyncio.Protocol", ClientConnection(serving)), sock=listener, backlog=4096
    )
    if tls_listener is not None:
        worker.listen(tls_listener, settings.sealing_key)
    tasks = [asyncio.create_task(worker.follow(reader, orders)), asyncio.create_task(worker.sweep())]
    tasks.append(asyncio.create_task(recheck_tunnels(serving, worker.changed)))

    def stop_accepting() -> None:
        if worker.tls is not None:
            worker.tls.close()
        server.close()  # this process's copy of the socket only: what waits in its queue is for the next worker

    await _until_over(worker, stop, tasks[0], stop_accepting)
    stop_accepting()
    await drain(serving)
    serving.flush_cells()
    worker.compositions.close()
    if tasks[0].done() and not worker.retirement.is_set():
        tasks[0].result()  # an error there ends the process with an error
    for task in tasks:
        task.cancel()


async def _until_over(
    worker: Worker, stop: asyncio.Event, following: asyncio.Task[None], stop_accepting: Callable[[], None]
) -> None:
    """Wait until no more is to be accepted: on SIGTERM, without a supervisor, or as another worker takes its place."""
    stopping = asyncio.create_task(stop.wait())
    retirement = asyncio.create_task(worker.retirement.wait())
    await asyncio.wait([stopping, retirement, following], return_when=asyncio.FIRST_COMPLETED)
    if retirement.done():
        retiring = asyncio.create_task(retire(worker.serving, stop_accepting))
        await asyncio.wait([stopping, retiring], return_when=asyncio.FIRST_COMPLETED)  # the supervisor may change
        retiring.cancel()
    else:
        await asyncio.sleep(channel.LAST_ACCEPTS_S)
    for task in (stopping, retirement):
        task.cancel()


def main(supervisor: int, descriptors: Sequence[int]) -> None:
    """Run the worker on inherited sockets; die with the supervisor, whose process id is given."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        return  # it died before prctl
    logs.begin(f"worker {os.getpid()}")
    sockets = [socket.socket(fileno=number) for number in descriptors]
    try:
        uvloop.run(serve(*sockets))
    except OSError:
        logger.exception("the worker ends")
        sys.exit(os.EX_TEMPFAIL)  # the disk or the network: no fault of the state that it was given


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(number) for number in sys.argv[2:]])
