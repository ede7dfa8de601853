"""Outbound: connections of the control plane to addresses that people named, by the rules of an environment.

Owns: which addresses may be connected to. Must not know: what is fetched there.
The rules are those that gateways follow for upstreams. A name is resolved once and the connection goes to the very
address that was checked: a second look-up could answer otherwise (DNS rebinding). Redirects pass the same door.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Final

import httpx
from django.utils.translation import gettext

from apim.gateways.models import Environment
from gateway_sync.runtime.core.networks import NetworkRules

PORTS: Final = {"http": 80, "https": 443}


class ForbiddenAddress(httpx.TransportError):
    """The name leads to an address that the environment does not allow."""


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to addresses that were checked, and to no others."""

    def __init__(self, rules: NetworkRules) -> None:
        """Nothing is connected yet."""
        self._rules = rules
        self._inner = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, from a checked address of the request's host."""
        url = request.url
        port = url.port or PORTS[url.scheme]
        address = await self._checked_address(url.host, port)
        pinned = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers=request.headers,  # the Host header still carries the name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": url.host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()

    async def _checked_address(self, host: str, port: int) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            message = gettext("%(host)s cannot be resolved.") % {"host": host}
            raise httpx.ConnectError(message) from error
        for *_, sockaddr in found:
            address = str(sockaddr[0])
            if self._rules.admits(address, port):
                return address
        message = gettext("%(host)s leads to an address that this environment does not allow.") % {"host": host}
        raise ForbiddenAddress(message)


class GuardedTransport(CheckedTransport):
    """Connects to what an environment allows its upstreams to be."""

    def __init__(self, environment: Environment, forbidden: Iterable[str]) -> None:
        """Nothing is connected yet. Shapes: forbidden = our own doors, such as `127.0.0.1:8000`."""
        networks, allow_public = environment.allowed_networks, environment.allow_public_networks
        super().__init__(NetworkRules(networks, forbidden, allow_public=allow_public))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer; a redirect without its body."""
        answer = await super().handle_async_request(request)
        return await _without_body(answer) if answer.has_redirect_location else answer


async def _without_body(redirect: httpx.Response) -> httpx.Response:
    """The redirect alone: httpx reads and unpacks the whole body of each one that it follows, however large."""
    await redirect.aclose()
    names = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in redirect.headers.multi_items() if name not in names]
    return httpx.Response(redirect.status_code, headers=headers, stream=httpx.ByteStream(b""))
