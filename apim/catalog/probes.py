"""Probes: whether a service answers, asked once, by the rules that gateways follow for upstreams.

Owns: the limits of a probe and what its outcome means. Must not know: which addresses may be connected to.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apim.gateways.outbound import ForbiddenAddress, GuardedTransport
from apim.gateways.services import default_environment

LONGEST_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What one question to a service came to.

    Shapes: state is up (it answered), failing (with 5xx), forbidden (the environment does not allow the address) or
    down. Units: ms, None without an answer.
    """

    url: str
    state: Literal["up", "failing", "forbidden", "down"]
    said: str
    ms: int | None = None


def probe_service(url: str) -> Probe:
    """The outcome of a GET, of which no more than the header is read; any answer below 500 means that it is there."""
    transport = GuardedTransport(default_environment(), settings.FORBIDDEN_UPSTREAMS)
    started = time.perf_counter()
    try:
        status = asyncio.run(_ask(url, transport))
    except ForbiddenAddress as error:
        return Probe(url, "forbidden", str(error))
    except (TimeoutError, httpx.TimeoutException):
        return Probe(url, "down", _("It did not answer within %(count)s seconds.") % {"count": f"{LONGEST_S:.0f}"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error).rstrip(".") or type(error).__name__
        return Probe(url, "down", _("It cannot be reached: %(reason)s.") % {"reason": reason})
    ms = round((time.perf_counter() - started) * 1000)
    state: Literal["up", "failing"] = "failing" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "up"
    return Probe(url, state, _("It answered %(status)s.") % {"status": status}, ms)


async def _ask(url: str, transport: httpx.AsyncBaseTransport) -> int:
    async with (
        asyncio.timeout(LONGEST_S),
        httpx.AsyncClient(transport=transport, timeout=LONGEST_S, trust_env=False) as client,
        client.stream("GET", url, headers={"Accept": "*/*"}) as answer,
    ):
        return answer.status_code
