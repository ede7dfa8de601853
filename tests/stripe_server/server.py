"""The HTTP server: the API under /v1, the pages, and the control endpoints."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.stripe_server import control, faults, forms, pages, portal_pages
from tests.stripe_server.errors import StripeError
from tests.stripe_server.objects import (  # noqa: F401 -- importing them registers their routes
    accounts,
    checkout,
    clocks,
    credit_notes,
    customers,
    invoice_items,
    invoice_previews,
    invoices,
    meters,
    payment_intents,
    payment_methods,
    portal,
    prices,
    products,
    refunds,
    schedules,
    setup_intents,
    subscription_ends,
    subscription_items,
    subscriptions,
    webhook_endpoints,
)
from tests.stripe_server.pages import Page
from tests.stripe_server.state import Answer, Asked, State

_TICK_S = 0.5
# Where pages are: the path, the kind of object its last part names, and what shows and takes them.
_PAGES: tuple[tuple[str, str, Any, Any], ...] = (
    ("/c/pay/", "checkout.session", pages.checkout_page, pages.checkout_form),
    ("/invoices/", "invoice", pages.invoice_page, pages.invoice_form),
    ("/p/session/", "billing_portal.session", portal_pages.portal_page, portal_pages.portal_form),
)


class Server(ThreadingHTTPServer):
    """A server with its state; the address 127.0.0.1 only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.state = State(f"http://127.0.0.1:{self.server_address[1]}")
        self.wake = threading.Event()
        self.is_over = False

    def start(self) -> None:
        """Serve, deliver webhooks and let time pass, each in the background."""
        self.state.sender.start()
        threading.Thread(target=self._tick, daemon=True).start()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.is_over = True
        self.wake.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news; anything else is a defect to be seen."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def _tick(self) -> None:
        while not self.is_over:
            self.wake.wait(_TICK_S)
            self.wake.clear()
            self.state.tick()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Server
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Silence: a test server's log is not read."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if parts.path.startswith("/_control/"):
            self._control(method, parts.path, body)
        elif parts.path.startswith("/v1/"):
            self._api(method, parts.path, "&".join(each for each in (parts.query, body) if each))
        else:
            self._page(method, parts.path, dict(parse_qsl(body, keep_blank_values=True)))

    def _api(self, method: str, path: str, text: str) -> None:
        fault = self.server.state.faults.meet(method, path)
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "hold":
            fault.gate.wait()
        if fault is not None and fault.kind == "drop":
            self._hang_up()
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        if fault is not None and fault.kind == "error":
            error = faults.error_of(fault)
            self._send_json(Answer(error.status, error.body(""), {"Stripe-Should-Retry": "false"}))
            return
        try:
            asked = Asked(method, path, forms.parse(text), headers)
        except StripeError as error:
            self._send_json(Answer(error.status, error.body("")))
            return
        answer = self.server.state.serve(asked)
        self.server.wake.set()
        if fault is not None and fault.kind == "lose_answer":
            self._hang_up()
            return
        self._send_json(answer)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _control(self, method: str, path: str, body: str) -> None:
        function = control.CONTROLS.get((method, path.rstrip("/")))
        if function is None:
            self._send_json(Answer(404, {"message": f"There is no control endpoint {method} {path}."}))
            return
        try:
            answer = function(self.server.state, json.loads(body) if body else {})
        except (ValueError, TypeError, KeyError) as error:
            self._send_json(Answer(400, {"message": str(error)}))
            return
        self._send_json(Answer(200, answer))

    def _page(self, method: str, path: str, form: dict[str, str]) -> None:
        state = self.server.state
        page = pages.layout("Not found", "<p>There is no such page.</p>", status=404)
        if path.startswith("/authenticate/"):
            key = path.removeprefix("/authenticate/")
            for mode in state.modes.values():
                if mode.peek("payment_intent", key) or mode.peek("setup_intent", key):
                    page = (
                        pages.authentication_form(state, mode, key, form)
                        if method == "POST"
                        else pages.authentication_page(mode, key)
                    )
        for prefix, kind, show, take in _PAGES:
            key = path.removeprefix(prefix)
            for mode in state.modes.values():
                found = mode.peek(kind, key) if path.startswith(prefix) else None
                if found is not None:
                    page = take(state, mode, key, form) if method == "POST" else show(mode, found)
        self.server.wake.set()
        self._send_page(page)

    def _send_json(self, answer: Answer) -> None:
        self._send(answer.status, {"Content-Type": "application/json"} | answer.headers,
                   json.dumps(answer.body, indent=2).encode())  # fmt: skip

    def _send_page(self, page: Page) -> None:
        self._send(page.status, page.headers, page.body.encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
