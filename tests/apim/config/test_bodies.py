"""Bodies of strangers that do not come hold few threads, and nobody else's. Promise H9."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from apim.accounts.models import User
from apim.config import bodies
from apim.config.bodies import MOST, MOST_EACH, MOST_EVER, BodiesMiddleware
from apim.up.services import WEB_THREADS
from tests.waiting import PATIENCE_S

API = "/api/v1/apis"


class Slow(io.BytesIO):
    """A body that does not come before it may."""

    def __init__(self) -> None:
        super().__init__(b"x" * 9)
        self.is_asked_for, self.may_come = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.is_asked_for.set()
        assert self.may_come.wait(PATIENCE_S)
        return super().read(size)


def sent(
    address: str = "10.0.0.1", *, body: Any = None, user: Any = None, token: str = "", path: str = API
) -> HttpRequest:
    """A request with nine bytes of a body."""
    fields = {"Authorization": f"Bearer {token}"} if token else {}
    request = RequestFactory().post(path, b"x" * 9, content_type="text/plain", REMOTE_ADDR=address, headers=fields)
    if body is not None:
        request._stream = body
    request.user = user or AnonymousUser()
    return request


@pytest.fixture
def good() -> set[str]:
    """The tokens that are good."""
    return {"good"}


@pytest.fixture
def ask(good: set[str]) -> BodiesMiddleware:
    """Answers with what a request said; whose token it is, is known by then, as with the management API."""

    def view(request: HttpRequest) -> HttpResponse:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in good:
            request.user = User()
        return HttpResponse(request.body)

    return BodiesMiddleware(view)


@contextmanager
def waited_for(ask: BodiesMiddleware, address: str) -> Iterator[list[HttpResponseBase]]:
    """A body of this address is waited for during the block; the answer is there after it."""
    body, answers = Slow(), []
    thread = threading.Thread(target=lambda: answers.append(ask(sent(address, body=body))), daemon=True)
    thread.start()
    assert body.is_asked_for.wait(PATIENCE_S)
    try:
        yield answers
    finally:
        body.may_come.set()
        thread.join(PATIENCE_S)


def status(response: HttpResponseBase) -> int:
    return response.status_code


def test_one_address_keeps_few_threads_waiting_and_others_are_heard(ask: BodiesMiddleware) -> None:
    with ExitStack() as stack:
        answers = [stack.enter_context(waited_for(ask, "10.0.0.1")) for _ in range(MOST_EACH)]
        refused = ask(sent())
        assert (status(refused), refused["Content-Type"]) == (429, "application/problem+json")
        assert int(refused["Retry-After"]) > 0
        assert status(ask(sent("10.0.0.2"))) == 200
    assert [status(each[0]) for each in answers] == [200] * MOST_EACH
    assert status(ask(sent())) == 200, "the places were given back"


def test_a_person_whose_form_found_no_place_is_told_that_and_nothing_of_guessed_accounts(ask: BodiesMiddleware) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_EACH):
            stack.enter_context(waited_for(ask, "10.0.0.1"))
        page = ask(sent(path="/account/signup/"))
    assert status(page) == 429
    assert isinstance(page, HttpResponse)
    text = page.content.decode()
    assert "Too much is being sent at once" in text
    assert "guessed" not in text


def test_all_strangers_together_keep_no_more_and_who_is_known_is_heard_always(ask: BodiesMiddleware) -> None:
    assert status(ask(sent(token="good"))) == 200
    with ExitStack() as stack:
        for number in range(MOST):
            stack.enter_context(waited_for(ask, f"10.0.1.{number}"))
        assert status(ask(sent())) == 429
        assert status(ask(sent(user=User()))) == 200
        assert status(ask(sent(token="good"))) == 200
        assert status(ask(sent(token="made up"))) == 429
        assert status(ask(_without_body())) == 200


def test_ever_new_addresses_keep_no_more_than_half_of_the_threads(
    ask: BodiesMiddleware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "FORGOTTEN_S", 0.0)  # each of them is there for longer
    with ExitStack() as stack:
        for number in range(MOST_EVER):
            stack.enter_context(waited_for(ask, f"10.0.2.{number}"))
        assert status(ask(sent())) == 429
        assert status(ask(sent(user=User()))) == 200
    assert WEB_THREADS >= 2 * MOST_EVER
    assert status(ask(sent())) == 200


def test_a_token_that_is_not_good_any_more_is_a_strangers(ask: BodiesMiddleware, good: set[str]) -> None:
    assert status(ask(sent(token="good"))) == 200
    good.clear()
    ask(sent(token="good"))
    with ExitStack() as stack:
        for number in range(MOST):
            stack.enter_context(waited_for(ask, f"10.0.1.{number}"))
        assert status(ask(sent(token="good"))) == 429


def test_a_body_that_is_too_large_is_left_to_the_view() -> None:
    request = sent()
    request.META["CONTENT_LENGTH"] = str(10**9)
    seen: list[str] = []

    def read_by_itself(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["CONTENT_LENGTH"])
        return HttpResponse(status=413)

    assert status(BodiesMiddleware(read_by_itself)(request)) == 413
    assert seen == [str(10**9)]


def _without_body() -> HttpRequest:
    request = RequestFactory().get(API)
    request.user = AnonymousUser()
    return request
