"""One request to an endpoint: signed, to a checked address, without redirects, bounded in time and size.

Owns: the request and how its answer is read. Must not know: rows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from apim.gateways.outbound import CheckedTransport, ForbiddenAddress
from apim.webhooks.addresses import rules_for
from apim.webhooks.constants import ANSWER_WITHIN_S
from apim.webhooks.signing import signature

_KEPT_BYTES: Final = 2048
_LONGEST_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent. Shapes: secrets are those that sign, the newest first."""

    delivery_id: str
    url: str
    message_id: str
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back. Shapes: status is None when no answer came, and error says why."""

    status: int | None
    latency_ms: int
    response: str = ""
    error: str = ""

    @property
    def is_success(self) -> bool:
        """True for 2xx: anything else is sent again."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the class of statuses


def send_all(letters: Sequence[Letter]) -> list[Outcome]:
    """The outcome of each letter, all sent at the same time. Takes little more than ANSWER_WITHIN_S at most."""

    async def together() -> list[Outcome]:
        return list(await asyncio.gather(*(_send(letter) for letter in letters)))

    return asyncio.run(together())


def headers_of(letter: Letter, *, timestamp: int) -> dict[str, str]:
    """The fields of the request."""
    signed = signature(letter.secrets, message_id=letter.message_id, timestamp=timestamp, body=letter.body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "apim-webhooks/1",
        "webhook-id": letter.message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signed,
    }


async def _send(letter: Letter) -> Outcome:
    started = time.monotonic()

    def after(status: int | None, response: str = "", error: str = "") -> Outcome:
        return Outcome(status, round((time.monotonic() - started) * 1000), response, error[:_LONGEST_ERROR])

    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return after(*await _exchange(letter))
    except TimeoutError:
        return after(None, error=f"No answer within {ANSWER_WITHIN_S:.0f} s.")
    except ForbiddenAddress:
        return after(None, error="The name leads to an address that events are not sent to.")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # ValueError: names that IDNA refuses
        return after(None, error=str(error).strip() or type(error).__name__)


async def _exchange(letter: Letter) -> tuple[int, str]:
    """(status, how the answer begins). What follows is not read, so that an endless answer costs nothing."""
    url = httpx.URL(letter.url)
    headers = headers_of(letter, timestamp=int(time.time()))
    transport = CheckedTransport(rules_for(url.scheme))
    async with (
        httpx.AsyncClient(transport=transport, timeout=ANSWER_WITHIN_S, trust_env=False) as client,
        client.stream("POST", url, content=letter.body, headers=headers) as answer,
    ):
        kept = bytearray()
        async for chunk in answer.aiter_raw():
            kept += chunk
            if len(kept) >= _KEPT_BYTES:
                break
        text = bytes(kept[:_KEPT_BYTES]).decode("utf-8", "replace").replace("\0", "\ufffd")
        return answer.status_code, text
