"""Fetch: a document from a URL that a person gave, without letting them reach what the environment forbids.

Owns: the limits of a download. Must not know: what the text means, which addresses may be connected to.
"""

from __future__ import annotations

import asyncio

import httpx
from django.conf import settings
from django.utils.translation import gettext

from apim.errors import Invalid
from apim.gateways.codings import decoded
from apim.gateways.outbound import PORTS, ForbiddenAddress, GuardedTransport
from apim.gateways.services import default_environment
from apim.openapi.source import BYTES_AT_MOST

IDLE_S = 5.0
LONGEST_S = 20.0
_REDIRECTS_AT_MOST = 5


def fetch_document(url: str) -> str:
    """The text at url.

    Errors: Invalid catalog.fetch, field url: not http(s), not allowed, unreachable, refused, too slow, too large, not
    UTF-8.
    """
    parsed = _parsed(url)
    transport = GuardedTransport(default_environment(), settings.FORBIDDEN_UPSTREAMS)
    try:
        content = asyncio.run(_download(parsed, transport))
    except TimeoutError as error:
        raise _refusal(
            gettext("The document did not come within %(seconds)s s.") % {"seconds": f"{LONGEST_S:.0f}"}
        ) from error
    except ForbiddenAddress as error:
        raise _refusal(str(error), gettext("An administrator sets the allowed networks of the environment.")) from error
    except httpx.TooManyRedirects as error:
        raise _refusal(gettext("More than %(most)s redirects.") % {"most": _REDIRECTS_AT_MOST}) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _refusal(
            gettext("%(host)s cannot be reached: %(reason)s.")
            % {"host": parsed.host, "reason": str(error).rstrip(".") or type(error).__name__}
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refusal(gettext("The document is not UTF-8 text.")) from error


async def _download(url: httpx.URL, transport: httpx.AsyncBaseTransport) -> bytes:
    """What is at url. The limit holds for all of it: a server that drips its header line by line is never idle.

    Errors: TimeoutError; Invalid for an answer that is refused or too large; those of httpx.
    """
    async with (
        asyncio.timeout(LONGEST_S),
        httpx.AsyncClient(
            transport=transport,
            timeout=IDLE_S,
            follow_redirects=True,
            max_redirects=_REDIRECTS_AT_MOST,
            trust_env=False,
        ) as client,
        client.stream("GET", url, headers={"Accept": "application/json, application/yaml, */*;q=0.5"}) as answer,
    ):
        if url.scheme == "https" and any(hop.url.scheme != "https" for hop in (*answer.history, answer)):
            raise _refusal(
                gettext("%(host)s leads from https to http, where anybody on the way could answer.")
                % {"host": url.host}
            )
        if not answer.is_success:
            raise _refusal(f"{url.host} answered {answer.status_code} {answer.reason_phrase}.".replace(" .", "."))
        wire = bytearray()
        async for chunk in answer.aiter_raw():
            wire += chunk
            if len(wire) > BYTES_AT_MOST:
                break
        coding = answer.headers.get("Content-Encoding", "")
        plain = decoded(bytes(wire), coding, BYTES_AT_MOST)
        if plain is None:
            raise _refusal(
                gettext("%(host)s answered in a coding that cannot be read: %(coding)s.")
                % {"host": url.host, "coding": coding[:60]}
            )
        if plain[1] or len(wire) > BYTES_AT_MOST:
            raise _refusal(gettext("The document is larger than %(most)s bytes.") % {"most": f"{BYTES_AT_MOST:,}"})
        return plain[0]


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise _refusal(gettext("This is not a URL: %(error)s.") % {"error": error}) from error
    if parsed.scheme not in PORTS or not parsed.host:
        raise _refusal(gettext("The URL of a document starts with https:// or http://."))
    if parsed.userinfo:
        raise _refusal(gettext("The URL holds a user name or password, which would be kept in logs."))
    return parsed


def _refusal(message: str, hint: str = "") -> Invalid:
    return Invalid("catalog.fetch", message, hint=hint, field="url")
