"""Try it: what reaches the gateway, what is shown of its answer."""

from __future__ import annotations

import gzip
import socket
from contextlib import suppress
from threading import BoundedSemaphore, Event, Thread

import pytest

from apim.accounts.models import User
from apim.catalog import trial_calls
from apim.gateways.models import Environment
from apim.gateways.services import update_environment
from tests.conftest import LogIn
from tests.factories.accounts import TESTER
from tests.portal.conftest import Gateway

URL = "/apis/bank/v1/try"
pytestmark = pytest.mark.usefixtures("bank")


def test_the_call_reaches_the_gateway_as_written(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    sent = {
        "method": "POST",
        "path": "/accounts/{id}",
        "path:id": "a/b ü",
        "query:limit": "5",
        "query:empty": "",
        "header:X-Trace": "on",
        "body": '{"a": 1}',
        "key": " apim_live_x ",
    }
    answer = log_in(developer).post(URL, sent)
    [(method, path, headers, body)] = gateway.asked
    assert (method, path, body) == ("POST", "/bank/v1/accounts/a%2Fb%20%C3%BC?limit=5", b'{"a": 1}')
    assert headers["x-api-key"] == "apim_live_x"
    assert headers["x-trace"] == "on"
    assert headers["content-type"] == "application/json"
    assert "cookie" not in headers
    assert "req_1" in answer.content.decode()


@pytest.mark.parametrize(
    "path", ["/../trading/v1/orders", "/%2e%2e/x", "/.%2E%2fx", "/a/./b", "accounts", "/a?b", "/a b", "//evil.example/"]
)
def test_no_path_leaves_the_version(developer: User, gateway: Gateway, log_in: LogIn, path: str) -> None:
    log_in(developer).post(URL, {"method": "GET", "path": path})
    assert all(asked.startswith("/bank/v1/") for _, asked, _, _ in gateway.asked)
    assert not any("%2e" in asked.lower() for _, asked, _, _ in gateway.asked)


def test_headers_that_frame_a_request_cannot_be_set(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    sent = {
        "method": "GET",
        "path": "/accounts",
        "header:Host": "evil",
        "header:Cookie": "a=b",
        "header:X": "a\r\nY: b",
    }
    log_in(developer).post(URL, sent)
    log_in(developer).post(URL, sent | {"header:X": "fine"})
    [(_, _, headers, _)] = gateway.asked
    assert headers["host"] == gateway.url.removeprefix("http://")
    assert "cookie" not in headers


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "unauthenticated", "does not know this key, or"),
        (403, "no-subscription", "no subscription that covers"),
        (403, "subscription-pending", "waits for the owner"),
        (429, "quota-exceeded", "quota for this period"),
        (502, "upstream-unreachable", "Nothing is wrong on your side"),
    ],
)
def test_a_refusal_is_explained(
    *, developer: User, gateway: Gateway, log_in: LogIn, status: int, code: str, words: str
) -> None:
    gateway.status, gateway.content_type = status, "application/problem+json"
    gateway.body = f'{{"type": "https://example.org/problems/{code}", "status": {status}}}'.encode()
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"}, headers={"HX-Request": "true"})
    assert words in answer.content.decode()
    assert "<html" not in answer.content.decode()


def test_what_the_upstream_refuses_is_told_apart(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    gateway.status = 404
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"})
    assert "the service itself refused it" in answer.content.decode()


def test_answers_are_shown_as_text_never_as_markup(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    gateway.body, gateway.content_type = b"<script>alert(1)</script>", "text/html"
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"})
    assert "<script>alert" not in answer.content.decode()
    assert "&lt;script&gt;alert" in answer.content.decode()


def test_a_long_answer_is_cut_and_says_so(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    gateway.body = b"x" * 500_000
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"})
    assert "the first 200 kB" in answer.content.decode()
    assert len(answer.content) < 250_000


def test_a_dead_gateway_is_named(developer: User, environment: Environment, log_in: LogIn) -> None:
    update_environment(environment=environment, changes={"base_url": "http://127.0.0.1:1"}, by=TESTER)
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"})
    assert "cannot be reached" in answer.content.decode()


def test_a_missing_parameter_is_asked_for(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts/{id}"})
    assert "needs a value for id" in answer.content.decode()
    assert gateway.asked == []


def test_visitors_are_asked_to_log_in(gateway: Gateway, log_in: LogIn) -> None:
    assert log_in(None).post(URL, {"method": "GET", "path": "/accounts"}).status_code == 302
    assert gateway.asked == []


def test_no_more_calls_run_at_once_than_leave_threads_for_pages(
    developer: User, gateway: Gateway, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = log_in(developer)
    monkeypatch.setattr("apim.catalog.trial_calls._places", BoundedSemaphore(1))
    with trial_calls._places:
        assert "Too many test calls" in client.post(URL, {"method": "GET", "path": "/accounts"}).content.decode()
    assert not gateway.asked
    client.post(URL, {"method": "GET", "path": "/accounts"})
    client.post(URL, {"method": "GET", "path": "/accounts"})
    assert len(gateway.asked) == 2


def test_an_answer_that_drips_in_is_cut(
    developer: User, environment: Environment, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time, all of them would hold a thread of the portal for hours."""
    monkeypatch.setattr("apim.catalog.trial_calls.WHOLE_S", 0.3)
    ended = Event()

    def drip(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n")
            while not ended.wait(0.05):
                peer.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=drip, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        update_environment(environment=environment, changes={"base_url": url}, by=TESTER)
        answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"})
        ended.set()
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("coding", "layers", "told"),
    [("gzip", 1, "the first 200 kB"), ("gzip, gzip", 2, "binary and is not shown"), ("br", 0, "binary and is not")],
    ids=["large", "nested", "unknown"],
)
def test_an_answer_that_unpacks_without_end_is_never_unpacked_whole(
    *, developer: User, gateway: Gateway, log_in: LogIn, coding: str, layers: int, told: str
) -> None:
    gateway.body, gateway.coding, gateway.content_type = b"a" * 50_000_000, coding, "text/plain"
    for _ in range(layers):
        gateway.body = gzip.compress(gateway.body)
    gateway.body = gateway.body[:100_000]
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"}, headers={"HX-Request": "true"})
    assert told in answer.content.decode()
    assert len(answer.content) < 2 * trial_calls.SHOWN_BYTES


def test_an_answer_that_came_packed_is_read(developer: User, gateway: Gateway, log_in: LogIn) -> None:
    gateway.body, gateway.coding = gzip.compress(b'{"balance": 12}'), "gzip"
    answer = log_in(developer).post(URL, {"method": "GET", "path": "/accounts"}, headers={"HX-Request": "true"})
    assert "balance" in answer.content.decode()
