"""Turns: how many requests of gateways are worked on at one time in a web process, so that people find it free.

The threads of a process share one interpreter: with a hundred of them at work each small step of a page would wait for
all the others, with two it waits for two. Work of gateways is short, so they take turns and lose nothing by it.
Whoever comes while many wait already is told when to come back, for those who wait hold threads.

One gateway, or who stole its credential, has at most half of the places at a door. Whoever was not met yet is asked
before it comes to one, apart from the others: who has no credential at all must not be able to fill the doors.

Owns: who works, and how many may be here. Must not know: what they do.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from apim.gateways.services import authenticate_gateway
from gateway_sync.delivery.places import Places

_PREFIX: Final = "/gateway/v1/"
_MOST_MET: Final = 10_000
_FULL: Final = "Other gateways are served; ask again later."
_mine = threading.local()


class Turns:
    """So many work at a time, and of those that came so many are here: at work, waiting for a turn, or apart."""

    def __init__(self, working: int, present: int) -> None:
        """Nobody is here."""
        self.most_present = present
        self._turns = threading.Semaphore(working)
        self._places = Places(present, each=max(1, present // 2))

    @property
    def present(self) -> int:
        """How many are here."""
        return self._places.taken

    @contextmanager
    def entered(self, who: str) -> Iterator[bool]:
        """True for the block, which is one's turn; False at once when as many as may are here, or of one's own."""
        if not self._places.take(who):
            yield False
            return
        try:
            with self.turn():
                yield True
        finally:
            self._places.give_back(who)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One's turn for the block, however many wait: for those that are counted elsewhere."""
        with self._turns:
            _mine.turns = self._turns
            try:
                yield
            finally:
                _mine.turns = None


@contextmanager
def apart() -> Iterator[None]:
    """Let others work during the block, in which one waits for something that is not the interpreter."""
    turns: threading.Semaphore | None = getattr(_mine, "turns", None)
    if turns is None:
        yield
        return
    turns.release()
    try:
        yield
    finally:
        turns.acquire()


# What one kind waits for holds up no other: a report that waits for the database's one writer must not delay a
# revocation, nor news for a thousand gateways the lease that a call waits for.
SYNC: Final = Turns(working=4, present=64)
DOORS: Final = {
    "sync": SYNC,
    "limits": Turns(working=2, present=8),
    "usage": Turns(working=2, present=16),
    "report": Turns(working=1, present=12),
    "traces": Turns(working=1, present=4),
}
STRANGERS: Final = Turns(working=2, present=16)


class Met:
    """Which credentials were good when they came last, by their digests."""

    def __init__(self) -> None:
        """None."""
        self._known: set[str] = set()

    def __contains__(self, who: str) -> bool:
        """True for who needs not be asked."""
        return who in self._known

    def __len__(self) -> int:
        """How many."""
        return len(self._known)

    def note(self, who: str, *, is_good: bool) -> None:
        """Of too many all are forgotten, and asked again."""
        if not is_good:
            self._known.discard(who)
            return
        if len(self._known) >= _MOST_MET:
            self._known.clear()
        self._known.add(who)


MET: Final = Met()


class TurnsMiddleware:
    """Lets requests of gateways take turns. Stands outside of what else is done for a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response; 503 when too many are here."""
        path = request.path_info
        turns = DOORS.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        if turns is None:
            return self._get_response(request)
        who = sha256(bearer(request).encode()).hexdigest()
        if request.method == "POST" and who not in MET:
            with STRANGERS.entered(who) as is_in:
                if not is_in:
                    return busy("Others are asked who they are; ask again later.", 1)
                if authenticate_gateway(bearer(request)) is None:
                    return unauthenticated("This needs the token of an enrolled gateway.")
                MET.note(who, is_good=True)
        with suppress(RequestDataTooBig):  # the view refuses it
            _ = request.body  # read before it is its turn, and kept: who sends slowly holds up nobody
        with turns.entered(who) as is_in:
            response = self._get_response(request) if is_in else busy(_FULL, 1)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            MET.note(who, is_good=False)
        return response


def bearer(request: HttpRequest) -> str:
    """The token that the request comes with; "" for none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def unauthenticated(detail: str) -> JsonResponse:
    """401, and what is wanted instead."""
    response = problem(401, "gateways.unauthenticated", detail)
    response["WWW-Authenticate"] = "Bearer"
    return response


def busy(detail: str, least_s: int) -> JsonResponse:
    """503 with a Retry-After from least_s on, spread so that those refused together do not come back together."""
    response = problem(503, "gateways.too_many_waiting", detail)
    response["Retry-After"] = str(least_s + secrets.randbelow(least_s + 2))
    return response


def problem(status: int, code: str, detail: str) -> JsonResponse:
    """An answer that says what is wrong, as gateways read it."""
    content = {"type": f"urn:apim:{code}", "title": detail, "status": status, "code": code}
    return JsonResponse(content, status=status, content_type="application/problem+json")
