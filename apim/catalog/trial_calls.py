"""Trial calls: what "Try it" and the console's test panel send, through the gateway that callers use.

Owns: the call and what came back. A call can only go to the gateway's address and below the version's own path; the
person's cookies never travel with it. Must not know: pages.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import httpx
from django.utils.translation import gettext

from apim.errors import Conflict, Invalid
from apim.gateways.codings import decoded
from apim.gateways.sandbox import path_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apim.catalog.models import APIVersion
    from apim.gateways.models import Environment

TIMEOUT_S = 20.0
CALLS_AT_ONCE = 16  # of one process: slow services must not take all of its threads
WHOLE_S = 30.0  # an answer that drips in would hold a thread of the portal for hours
SHOWN_BYTES = 200_000
_YOUNG_S = 30.0
_SPREADS_S = 4.0
_PAUSE_S = 0.1
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_PATH_SAFE = "/:@!$&'()*+,;=-._~%"
_FORBIDDEN_IN_PATH = re.compile(r"[\x00-\x20\x7f?#\\]")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "cookie", "te", "upgrade", "expect"})

_places = threading.BoundedSemaphore(CALLS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Call:
    """Shapes: path is below the version ("/accounts"), query without its question mark."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] | None = None
    body: str = ""
    is_sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said.

    Shapes: code is of the gateway's own problem, empty when the upstream answered. Units: milliseconds.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: str
    is_cut: bool
    is_text: bool
    duration_ms: float
    request_id: str
    code: str

    @property
    def duration_us(self) -> int:
        """The same in whole microseconds."""
        return round(self.duration_ms * 1000)


def public_url(
    environment: Environment, version: APIVersion, path: str = "", query: str = "", *, is_sandbox: bool = False
) -> str:
    """The address that callers use: the gateway's, the API's name (or its sandbox's), the version's name, the path.

    Errors: Conflict while nobody has said where the gateway is; Invalid for a path that would leave the version.
    """
    if not environment.base_url:
        raise Conflict(
            "portal.no_gateway_address",
            gettext("The address of the gateway of %(environment)s is not set.") % {"environment": environment},
            hint=gettext("An administrator sets it on the environment's page."),
        )
    name = path_name(version.api.name) if is_sandbox else version.api.name
    return environment.base_url.rstrip("/") + target_of(f"/{name}/{version.name}", path, query)


def target_of(prefix: str, path: str, query: str = "") -> str:
    """What is asked for on the wire: the path below the prefix, and the query.

    Errors: Invalid for a path that would leave the prefix.
    """
    if path and not path.startswith("/"):
        raise Invalid("portal.path", gettext("A path starts with a slash."), field="path")
    if _FORBIDDEN_IN_PATH.search(path) or any(part in {".", ".."} for part in unquote(path).split("/")):
        raise Invalid("portal.path", gettext("A path holds no spaces, `?`, `#`, `.` or `..` segments."), field="path")
    target = prefix + quote(path, safe=_PATH_SAFE)
    return f"{target}?{query}" if query else target


def send_once_known(environment: Environment, version: APIVersion, call: Call, key: str, *, made_at: float) -> Answer:
    """The answer of one call with a key that was made just now: gateways hear of it within a second, not at once.

    Shapes: made_at is in seconds since the epoch. Errors: those of send.
    """
    answer = send(environment, version, call, key)
    deadline = time.monotonic() + _SPREADS_S
    while answer.code == "unauthenticated" and time.time() - made_at < _YOUNG_S and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        answer = send(environment, version, call, key)
    return answer


def send(environment: Environment, version: APIVersion, call: Call, key: str) -> Answer:
    """The answer of one call with this key.

    Errors: Conflict when the gateway cannot be reached or breaks off, or too many calls run; Invalid for what cannot
    be put on the wire.
    """
    if not _places.acquire(blocking=False):
        message = gettext("Too many test calls wait for their answers.")
        raise Conflict("portal.too_many_calls", message, hint=gettext("Try again in a few seconds."))
    try:
        return _send(environment, version, call, key)
    finally:
        _places.release()


def _send(environment: Environment, version: APIVersion, call: Call, key: str) -> Answer:
    url = public_url(environment, version, call.path, call.query, is_sandbox=call.is_sandbox)
    headers = sent_headers(version, call, key)
    try:
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False, verify=_trust()) as client:
            started = time.perf_counter()
            with client.stream(call.method, url, headers=headers, content=call.body.encode() or None) as response:
                content, is_cut = _read(response)
                return answer_of(response, content, is_cut=is_cut, duration_ms=(time.perf_counter() - started) * 1000)
    except httpx.TimeoutException as error:
        message = gettext("No answer within %(seconds)s seconds.") % {"seconds": f"{TIMEOUT_S:.0f}"}
        raise Conflict(
            "portal.no_answer", message, hint=gettext("The service behind the gateway may be busy.")
        ) from error
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError) as error:
        raise Invalid(
            "portal.unsendable", gettext("This cannot be sent: %(error)s") % {"error": error}, field="headers"
        ) from error
    except httpx.TransportError as error:
        raise Conflict(
            "portal.gateway_unreachable",
            gettext("The gateway at %(base_url)s cannot be reached.") % {"base_url": environment.base_url},
            hint=gettext("An administrator sees its state in the console."),
        ) from error


def sent_headers(version: APIVersion, call: Call, key: str) -> dict[str, str]:
    """The fields of a call: those of the person that are not ours to say, and the key where callers send it."""
    headers = {name: value for name, value in (call.headers or {}).items() if name.lower() not in _OURS}
    return headers | ({version.api.key_header: key} if key else {})


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, read once: that takes longer than a call."""
    return ssl.create_default_context()


def _read(response: httpx.Response) -> tuple[bytes, bool]:
    """(as it came over the wire, whether something was left out)."""
    content, deadline = bytearray(), time.monotonic() + WHOLE_S
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > SHOWN_BYTES or time.monotonic() > deadline:
            return bytes(content[:SHOWN_BYTES]), True
    return bytes(content), False


def answer_of(response: httpx.Response, wire: bytes, *, is_cut: bool, duration_ms: float) -> Answer:
    """What a gateway said, for people. Shapes: wire is the body as it came, of which a part may be missing."""
    plain = decoded(wire, response.headers.get("Content-Encoding", ""), SHOWN_BYTES)
    content, is_cut = (plain[0], is_cut or plain[1]) if plain is not None else (b"", is_cut)
    problem = _problem(response, content)
    try:
        body = content.decode(response.charset_encoding or "utf-8", errors="strict" if not is_cut else "replace")
        is_text = plain is not None
    except (UnicodeDecodeError, LookupError):
        body, is_text = "", False
    return Answer(
        status=response.status_code,
        reason=response.reason_phrase or _phrase(response.status_code),
        headers=tuple((name, value) for name, value in response.headers.multi_items()),
        body=body,
        is_cut=is_cut,
        is_text=is_text,
        duration_ms=duration_ms,
        request_id=response.headers.get("X-Request-Id", "") or str(problem.get("request_id", "")),
        code=str(problem.get("type", "")).rsplit("/", 1)[-1].rsplit("#", 1)[-1],
    )


def _problem(response: httpx.Response, content: bytes) -> dict[str, object]:
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = json.loads(content)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
