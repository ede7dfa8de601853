"""A WebSocket service on a thread of its own, with the library that many Python services use."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed


class EchoService:
    """Sends each message back; keeps how connections ended, and the heads of the handshakes."""

    def __init__(self) -> None:
        """Not started."""
        self.port = 0
        self.closed: list[int] = []
        self.handshakes: list[dict[str, str]] = []
        self._loop = asyncio.new_event_loop()
        self._server: Server | None = None

    def __enter__(self) -> Self:
        """Listening."""
        is_ready = threading.Event()

        async def start() -> None:
            self._server = await serve(
                self._serve,
                "127.0.0.1",
                0,
                max_size=2**26,
                ping_interval=None,
                select_subprotocol=lambda _peer, offered: offered[0] if offered else None,
            )
            self.port = next(iter(self._server.sockets)).getsockname()[1]
            is_ready.set()

        def run() -> None:
            self._loop.run_until_complete(start())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        is_ready.wait()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closed."""

        async def stop() -> None:
            assert self._server is not None
            self._server.close()
            await self._server.wait_closed()

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self, peer: ServerConnection) -> None:
        assert peer.request is not None
        self.handshakes.append({name.lower(): value for name, value in peer.request.headers.raw_items()})
        try:
            async for message in peer:
                await peer.send(message)
        except ConnectionClosed:
            pass
        await peer.wait_closed()
        self.closed.append(peer.close_code or 0)
