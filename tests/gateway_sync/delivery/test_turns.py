"""Gateways take turns in a web process, so that pages find it free however many come.

Promises C6.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from apim.config import bodies
from apim.up.services import WEB_THREADS
from gateway_sync.delivery import turns
from gateway_sync.delivery.turns import DOORS, STRANGERS, Met, Turns, TurnsMiddleware, apart
from tests.waiting import wait_until

PAGES = 16  # threads that are left to pages whatever gateways do
SENDS_EACH = 2


def started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_so_many_work_at_a_time_and_whoever_is_too_many_is_told_at_once() -> None:
    door, at_work, may_end = Turns(working=2, present=3), [], threading.Event()

    def work() -> None:
        with door.entered(str(threading.get_ident())) as is_in:
            at_work.append(is_in)
            may_end.wait()

    those = [started(work) for _ in range(3)]
    wait_until(lambda: len(at_work) == 2 and door.present == 3, "two work and one waits")
    with door.entered("gateway") as is_in:
        assert not is_in
    may_end.set()
    for each in those:
        each.join()
    assert (at_work, door.present) == ([True] * 3, 0)
    with door.entered("gateway") as is_in:
        assert is_in


def test_who_waits_for_something_else_lets_others_work_and_is_still_here() -> None:
    door, met, may_end = Turns(working=1, present=2), threading.Event(), threading.Event()

    def wait_apart() -> None:
        with door.entered("other"), apart():
            met.set()
            may_end.wait()

    waiting = started(wait_apart)
    met.wait()
    with door.entered("gateway") as is_in:
        assert (is_in, door.present) == (True, 2)
        with door.entered("third") as is_third:
            assert not is_third
    may_end.set()
    waiting.join()
    assert door.present == 0


def test_one_credential_has_no_more_than_half_of_the_places() -> None:
    door, at_work, may_end = Turns(working=4, present=4), [], threading.Event()

    def work() -> None:
        with door.entered("stolen") as is_in:
            at_work.append(is_in)
            may_end.wait()

    those = [started(work) for _ in range(2)]
    wait_until(lambda: len(at_work) == 2, "both are in")
    with door.entered("stolen") as is_in, door.entered("gateway") as is_other_in:
        assert (is_in, is_other_in) == (False, True)
    may_end.set()
    for each in those:
        each.join()


def test_an_error_gives_turn_and_place_back() -> None:
    door = Turns(working=1, present=1)
    with pytest.raises(ValueError, match="shape"), door.entered("gateway"):
        raise ValueError("shape")
    with door.entered("gateway") as is_in:
        assert is_in


def test_apart_is_nothing_for_who_has_no_turn() -> None:
    with apart():
        assert DOORS["usage"].present == 0


def test_a_door_that_is_full_tells_when_to_come_back_and_pages_are_no_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    door, asked = Turns(working=1, present=1), RequestFactory()
    monkeypatch.setitem(turns.DOORS, "sync", door)
    monkeypatch.setattr(turns, "authenticate_gateway", lambda _: object())
    answers: list[int] = []

    def answer(_: HttpRequest) -> HttpResponse:
        refused = TurnsMiddleware(HttpResponse)(asked.post("/gateway/v1/sync", b"{}", "application/json"))
        answers.extend([refused.status_code, int(refused.headers["Retry-After"])])
        page = TurnsMiddleware(lambda _: HttpResponse(status=204))(asked.get("/"))
        answers.append(page.status_code)
        return HttpResponse()

    TurnsMiddleware(answer)(asked.post("/gateway/v1/sync", b"{}", "application/json"))
    assert (answers[0], answers[1] in {1, 2, 3}, answers[2], door.present) == (503, True, 204, 0)


def test_who_has_no_credential_comes_to_no_door_and_no_body_of_theirs_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    met, asked, taken = Met(), RequestFactory(), list[int]()
    monkeypatch.setattr(turns, "MET", met)
    monkeypatch.setattr(turns, "authenticate_gateway", lambda token: object() if token == "good" else None)

    def answer(_: HttpRequest) -> HttpResponse:
        taken.append(DOORS["limits"].present)
        return HttpResponse()

    for token, status in (("forged", 401), ("good", 200), ("good", 200)):
        fields = {"authorization": f"Bearer {token}"}
        request = asked.post("/gateway/v1/limits", b"{}", "application/json", headers=fields)
        assert TurnsMiddleware(answer)(request).status_code == status
        assert hasattr(request, "_body") == (status == 200)
    assert (taken, STRANGERS.present, len(met)) == ([1, 1], 0, 1)
    TurnsMiddleware(lambda _: HttpResponse(status=401))(asked.post("/gateway/v1/limits", headers=fields))
    assert len(met) == 0, "one that was ended is asked again"


def test_whatever_gateways_streams_and_strangers_do_threads_are_left_to_pages() -> None:
    held = sum(door.most_present for door in (*DOORS.values(), STRANGERS))
    held += settings.MAX_WAITING_GATEWAYS + SENDS_EACH * settings.MAX_FULL_SENDS + settings.MAX_LIVE_STREAMS
    held += bodies.MOST
    assert WEB_THREADS - held >= PAGES
