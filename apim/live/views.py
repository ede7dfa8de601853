"""The stream of server-sent events: names of what changed, never what it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apim.accounts.models import User
from apim.live.subjects import Subject, parse, permitted, read_marks
from apim.live.watching import Listener, Watch

LIFE_S: Final = 25.0  # then the browser comes again: what it may see is asked anew, and a lost one frees its thread
BEAT_S: Final = 5.0  # how long it is silent: who has gone is noticed when something is written
RETRY_MS: Final = 1000
MOST_SUBJECTS: Final = 8
_NO_CONTENT: Final = 204
_watch = Watch(limit=settings.MAX_LIVE_STREAMS, each=settings.MAX_LIVE_STREAMS_EACH)


@require_safe
def live(request: HttpRequest) -> HttpResponseBase:
    """Events named `changed` with what `?on=` asked for, for a while.

    204, after which a browser does not come again by itself, when the visitor may watch none of it and when as many
    listen already as may: the page asks by the clock then, and nothing has failed.
    """
    if not isinstance(request.user, User) or request.method == "HEAD":
        return HttpResponse(status=_NO_CONTENT)
    asked = dict(parse(text) for text in request.GET.getlist("on")[:MOST_SUBJECTS])
    subjects = permitted(request.user, asked)
    if not subjects:
        return HttpResponse(status=_NO_CONTENT)
    listener = _watch.enter(request.user.pk, subjects)
    if listener is None:
        return HttpResponse(status=_NO_CONTENT)
    seen = asked | _seen(request.headers.get("Last-Event-ID", ""))
    stream = _Stream(listener, {each: seen[each] for each in subjects})
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx keeps answers back otherwise
    return response


class _Stream:
    """The body: what changed since the marks that were seen, at once or when it does.

    Not a bare generator: of one that was never begun, close() would run nothing, and the place would be lost.
    """

    def __init__(self, listener: Listener, seen: dict[Subject, str]) -> None:
        self._listener = listener
        self._seen = seen
        self._has_place = True

    def __iter__(self) -> Iterator[bytes]:
        deadline = time.monotonic() + LIFE_S
        yield f"retry: {RETRY_MS}\n\n".encode()
        now = read_marks(self._seen)
        connection.close()  # a stream holds a thread, never a database connection
        news = {each: mark for each, mark in now.items() if mark != self._seen[each]}
        while True:
            self._seen |= news
            for each in sorted(news):
                yield f"event: changed\nid: {_id_of(self._seen)}\ndata: {each}\n\n".encode()
            if self._listener.is_over or time.monotonic() >= deadline:
                return
            news = _watch.wait(self._listener, self._seen, min(deadline, time.monotonic() + BEAT_S))
            if not news:
                yield b":\n\n"

    def close(self) -> None:
        """Give the place back, once."""
        if self._has_place:
            self._has_place = False
            _watch.leave(self._listener)


def _id_of(seen: dict[Subject, str]) -> str:
    return " ".join(f"{subject}~{mark}" for subject, mark in sorted(seen.items()))


def _seen(event_id: str) -> dict[Subject, str]:
    """The marks that the browser had when it was last told something; any web process can go on from there."""
    return dict(parse(text) for text in event_id.split()[:MOST_SUBJECTS])
