"""ACMEClient: talks to an authority (RFC 8555) by the guarded door of an environment.

Owns: nonces, signatures, limits of answers, the words of refusals. Must not know: models, when what is asked.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from apim.gateways.acme.jws import AccountKey
from apim.gateways.outbound import ForbiddenAddress, GuardedTransport

IDLE_S: Final = 5.0
LONGEST_S: Final = 10.0
BYTES_AT_MOST: Final = 256 * 1024
TRIES: Final = 3  # with another nonce
LONGEST_WAIT_S: Final = 7 * 86_400
_KIND: Final = "urn:ietf:params:acme:error:"
_CERTIFICATE: Final = "application/pem-certificate-chain"
_UNSENDABLE: Final = re.compile(r"[^\x20-\x7e]+")
_LONGEST_WORDS: Final = 300

MakeTransport = Callable[[], GuardedTransport]  # one for each event loop


class ACMEFault(Exception):
    """What an authority refused, or why it could not be asked; the text is for administrators.

    Shapes: kind is that of RFC 8555 section 6.7 without its prefix, "" = none was named. Units: retry_after_s.
    """

    def __init__(self, message: str, *, kind: str = "", retry_after_s: int = 0) -> None:
        """retry_after_s 0 = the authority did not say."""
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Answer:
    """What an authority answered. Units: retry_after_s, 0 = it did not say."""

    url: str
    content: bytes
    location: str
    retry_after_s: int

    def fields(self) -> dict[str, Any]:
        """The JSON object. Errors: ACMEFault."""
        try:
            found = json.loads(self.content)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            message = "The authority answered with no JSON object."
            raise ACMEFault(message)
        return found

    def text(self, name: str) -> str:
        """One field that must be a text. Errors: ACMEFault."""
        return text_of(self.fields(), name)


class ACMEClient:
    """One authority, asked by one account."""

    def __init__(self, directory_url: str, key: AccountKey, transport: MakeTransport, account_url: str = "") -> None:
        """Nothing is asked yet."""
        self._directory_url = directory_url
        self._transport = transport
        self._directory: dict[str, Any] = {}
        self._nonce = ""
        self.key = key
        self.account_url = account_url

    def directory(self) -> Mapping[str, Any]:
        """What the authority offers, and under which terms. Errors: ACMEFault."""
        if not self._directory:
            self._directory = self._send("GET", self._directory_url).fields()
        return self._directory

    def register(self, contact: str) -> str:
        """The URL of the key's account, made where there is none. Errors: ACMEFault."""
        meta = self.directory().get("meta")
        if isinstance(meta, dict) and meta.get("externalAccountRequired"):
            message = "The authority wants an account that was made elsewhere (external account binding)."
            raise ACMEFault(message, kind="externalAccountRequired")
        payload = {"termsOfServiceAgreed": True, "contact": [f"mailto:{contact}"]}
        answer = self._post(text_of(self.directory(), "newAccount"), payload)
        if not answer.location:
            message = "The authority made an account without an address."
            raise ACMEFault(message)
        self.account_url = answer.location
        return self.account_url

    def change_contact(self, contact: str) -> None:
        """Tell the authority of another address to write to. Errors: ACMEFault."""
        self._post(self.account_url, {"contact": [f"mailto:{contact}"]})

    def order(self, host: str) -> Answer:
        """A new order for a host name; its location is where it is looked at. Errors: ACMEFault."""
        payload = {"identifiers": [{"type": "dns", "value": host}]}
        answer = self._post(text_of(self.directory(), "newOrder"), payload)
        if not answer.location:
            message = "The authority made an order without an address."
            raise ACMEFault(message)
        return answer

    def look(self, url: str) -> Answer:
        """An order or an authorization as it is now. Errors: ACMEFault."""
        return self._post(url, None)

    def answer_challenge(self, url: str) -> Answer:
        """Say that the answer is there to be looked at. Errors: ACMEFault."""
        return self._post(url, {})

    def finalize(self, url: str, request: str) -> Answer:
        """Hand a certificate signing request in. Errors: ACMEFault."""
        return self._post(url, {"csr": request})

    def certificate(self, url: str) -> str:
        """The chain, PEM. Errors: ACMEFault."""
        return self._post(url, None, accepts=_CERTIFICATE).content.decode("ascii", "replace")

    def _post(self, url: str, payload: Mapping[str, Any] | None, accepts: str = "application/json") -> Answer:
        for left in range(TRIES - 1, -1, -1):
            nonce = self._nonce or self._fresh_nonce()
            self._nonce = ""
            body = self.key.signed(url, nonce, payload, self.account_url)
            try:
                return self._send("POST", url, body, accepts)
            except ACMEFault as fault:
                if fault.kind != "badNonce" or not left:
                    raise
        raise AssertionError

    def _fresh_nonce(self) -> str:
        self._send("HEAD", text_of(self.directory(), "newNonce"))
        if not self._nonce:
            message = "The authority gives no nonce."
            raise ACMEFault(message)
        nonce, self._nonce = self._nonce, ""
        return nonce

    def _send(self, method: str, url: str, body: bytes = b"", accepts: str = "application/json") -> Answer:
        try:
            headers = {"Accept": accepts, "User-Agent": "apim", "Content-Type": "application/jose+json"}
            request = httpx.Request(method, url, headers=headers, content=body or None)
            response, content = asyncio.run(_exchange(self._transport, request))
        except TimeoutError as error:
            message = f"The authority did not answer within {LONGEST_S:.0f} s."
            raise ACMEFault(message) from error
        except ForbiddenAddress as error:
            raise ACMEFault(f"{error} The environment's networks say so.") from error
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, UnicodeError) as error:
            message = f"The authority cannot be reached: {str(error).rstrip('.') or type(error).__name__}."
            raise ACMEFault(message) from error
        self._nonce = response.headers.get("Replay-Nonce", "") or self._nonce
        wait_s = _retry_after_s(response.headers.get("Retry-After", ""))
        if response.is_success:
            return Answer(url, content, response.headers.get("Location", ""), wait_s)
        raise _fault_of(response.status_code, content, wait_s)


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field of an answer that must be a text. Errors: ACMEFault."""
    found = fields.get(name)
    if not isinstance(found, str) or not found:
        message = f"The authority's answer has no {name}."
        raise ACMEFault(message)
    return found


def words_of(problem: object) -> tuple[str, str]:
    """Kind and words of an authority's problem document, fit to be shown."""
    if not isinstance(problem, dict):
        return "", ""
    kind = str(problem.get("type", "")).removeprefix(_KIND)
    told = [problem.get("detail", "")]
    told += [each.get("detail", "") for each in problem.get("subproblems") or () if isinstance(each, dict)]
    words = " ".join(_UNSENDABLE.sub(" ", str(each)).strip() for each in told if each)
    return kind[:60], words[:_LONGEST_WORDS]


async def _exchange(transport: MakeTransport, request: httpx.Request) -> tuple[httpx.Response, bytes]:
    """An answer and its content. The limits hold for all of it. Errors: TimeoutError, ACMEFault, those of httpx."""
    async with (
        asyncio.timeout(LONGEST_S),
        httpx.AsyncClient(transport=transport(), timeout=IDLE_S, trust_env=False) as client,
    ):
        answer = await client.send(request, stream=True)
        content = bytearray()
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > BYTES_AT_MOST:
                message = f"The authority's answer is larger than {BYTES_AT_MOST:,} bytes."
                raise ACMEFault(message)
        await answer.aclose()
        return answer, bytes(content)


def _fault_of(status: int, content: bytes, wait_s: int) -> ACMEFault:
    try:
        kind, words = words_of(json.loads(content))
    except (ValueError, RecursionError):
        kind = words = ""
    words = f"The authority says: {words}" if words else f"The authority answered {status}."
    return ACMEFault(words, kind=kind, retry_after_s=wait_s)


def _retry_after_s(value: str) -> int:
    """Seconds, whether they or a moment stand there; 0 for neither."""
    if value.isdigit():
        return min(int(value[:9]), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0
    left = (moment - datetime.now(UTC)).total_seconds() if moment.tzinfo else 0
    return min(max(0, int(left)), LONGEST_WAIT_S)
