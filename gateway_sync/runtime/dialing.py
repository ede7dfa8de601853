"""Opens connections to upstreams: name -> addresses -> allowed ones -> connection, checked again once connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from gateway_sync.runtime.core.networks import NetworkRules
from gateway_sync.runtime.discovery import resolve_by_system
from gateway_sync.runtime.upstream_tls import Dialed

CONNECT_TIMEOUT_S = 5.0
_OUTSIDE = "its address is outside the networks that the environment allows"

P = TypeVar("P", bound=asyncio.Protocol)


class ConnectFailed(Exception):
    """No address of the target could be connected to."""


class AddressRefused(ConnectFailed):
    """The target's addresses are outside the environment's networks."""


async def dial(
    loop: asyncio.AbstractEventLoop,
    address: tuple[str, int],
    way: Dialed,
    rules: NetworkRules,
    factory: Callable[[], P],
    known: Sequence[str] = (),
) -> P:
    """A connected protocol. Errors: ConnectFailed with the reason, after at most CONNECT_TIMEOUT_S.

    The address that is checked is the address that is connected to: names are resolved here, once (DNS rebinding),
    unless discovery knows the addresses.
    """
    host, port = address
    if way.fault:
        raise ConnectFailed(way.fault)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            numeric = known or await resolve_by_system(host, port)
            admitted = [item for item in numeric if rules.admits(item, port)]
            if not admitted:
                raise AddressRefused(_OUTSIDE)
            return await _connect_first(loop, admitted, port, way, rules, factory)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise ConnectFailed(str(error) or "it takes too long") from error


async def _connect_first(
    loop: asyncio.AbstractEventLoop,
    numeric: list[str],
    port: int,
    way: Dialed,
    rules: NetworkRules,
    factory: Callable[[], P],
) -> P:
    failure: OSError | None = None
    for item in numeric:
        try:
            transport, protocol = await loop.create_connection(
                factory, item, port, ssl=way.context, server_hostname=way.server_name if way.context else None
            )
        except OSError as error:
            failure = error
            continue
        peer = transport.get_extra_info("peername")
        if peer is None or not rules.admits(str(peer[0]), port):
            transport.abort()
            raise AddressRefused(_OUTSIDE)
        session = transport.get_extra_info("ssl_object")
        if way.is_http2 and session is not None and session.selected_alpn_protocol() != "h2":
            transport.abort()
            raise ConnectFailed("the service does not agree on HTTP/2")
        return protocol
    raise ConnectFailed(str(failure)) from failure
