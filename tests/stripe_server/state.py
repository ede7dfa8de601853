"""Everything the server knows, and the way a request takes through it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
import traceback
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tests.stripe_server import engine, faults, idempotency, rendering, routes, schema
from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.events import API_VERSION
from tests.stripe_server.keys import LIVE_KEY, TEST_KEY, Key, read_key
from tests.stripe_server.limits import Limits
from tests.stripe_server.store import Mode, Object, Request
from tests.stripe_server.webhooks import Sender

_VERSION = re.compile(r"\d{4}-\d\d-\d\d(\.[a-z_]+)?")  # of any day: answers have the shape of the client's version


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int
    body: Object
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Asked:
    """One request to the API, as it arrived."""

    method: str
    path: str
    given: Object
    headers: dict[str, str]
    id: str = field(default_factory=lambda: "req_" + secrets.token_hex(7))

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("idempotency-key") if self.method == "POST" else None

    @property
    def fingerprint(self) -> str:
        text = json.dumps([self.method, self.path, self.given], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class State:
    """Both modes, the keys that open them, and what is told to happen to requests and webhooks."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.lock = threading.RLock()
        self.keys = {TEST_KEY: Key(TEST_KEY, livemode=False), LIVE_KEY: Key(LIVE_KEY, livemode=True)}
        self.faults = faults.Faults()
        self.limits = Limits()
        self.modes = {False: Mode(livemode=False), True: Mode(livemode=True)}
        self.sender = Sender(self.lock, self.modes)
        self.saved: Any = None
        self.join()

    def join(self) -> None:
        """Make the two modes know each other and where pages are."""
        for livemode, mode in self.modes.items():
            mode.other, mode.address = self.modes[not livemode], self.address

    def serve(self, asked: Asked) -> Answer:
        """The answer to a request."""
        answer = Answer(500, {})
        try:
            answer = self._serve(asked)
        except StripeError as error:
            answer = Answer(error.status, error.body(f"{self.address}/_control/requests/{asked.id}"), error.headers)
        except Exception:  # noqa: BLE001 -- a defect of this server: told as Stripe tells its own
            traceback.print_exc()
            answer = Answer(500, StripeError(500, "api_error", "An unknown error occurred").body(""))
        answer.headers |= {
            "Request-Id": asked.id,
            "Stripe-Version": asked.headers.get("stripe-version", API_VERSION),
            "Stripe-Should-Retry": "true" if answer.status == HTTPStatus.CONFLICT else "false",
        }
        if asked.idempotency_key:
            answer.headers["Idempotency-Key"] = asked.idempotency_key
        return answer

    def _serve(self, asked: Asked) -> Answer:
        key = read_key(asked.headers.get("authorization", ""), self.keys)
        version = asked.headers.get("stripe-version", API_VERSION)
        if not _VERSION.fullmatch(version):
            raise invalid(f"Invalid Stripe API version: {version}")
        found = routes.find(asked.method, asked.path)
        if found is None:
            raise invalid(
                f"Unrecognized request URL ({asked.method}: {asked.path}). Please see https://stripe.com/docs or we "
                "can help at https://support.stripe.com/.",
                status=404,
            )
        route, names = found
        key.allow(route.scope)
        with self.limits.admit(asked.method, asked.path, asked.given), self.lock:
            mode = self.modes[key.livemode]
            if asked.idempotency_key is None:
                return self.run(mode, route, names, asked)
            return self._run_once(mode, route, names, asked)

    def _run_once(self, mode: Mode, route: routes.Route, names: tuple[str, ...], asked: Asked) -> Answer:
        key = str(asked.idempotency_key)
        kept = idempotency.kept(mode, key, asked.fingerprint, asked.method, asked.path)
        if kept is not None:
            return Answer(kept["status"], kept["body"], {"Idempotent-Replayed": "true"})
        schema.validate(schema.parameters(route.parameters), asked.given)  # what fails here is not kept
        try:
            answer = self.run(mode, route, names, asked)
        except StripeError as error:
            body = error.body(f"{self.address}/_control/requests/{asked.id}")
            answer = Answer(error.status, body, dict(error.headers))
        idempotency.keep(mode, key, asked.fingerprint, {"status": answer.status, "body": answer.body})
        return answer

    def run(self, mode: Mode, route: routes.Route, names: tuple[str, ...], asked: Asked) -> Answer:
        """Check the parameters, do what was asked, and render it."""
        params = schema.validate(schema.parameters(route.parameters), asked.given)
        wanted = params.pop("expand", [])
        if asked.method != "GET":
            self.begin(mode, Request(asked.id, asked.idempotency_key))
        try:
            made = route.handler(mode, params, *(unquote(name) for name in names))
            shown = self._render(mode, made, params, asked.path)
            rendering.expand(mode, shown, wanted)
        except StripeError as error:
            self.end(mode, keeps=error.keeps_changes)
            raise
        except BaseException:
            self.end(mode, keeps=False)
            raise
        self.end(mode, keeps=True)
        return Answer(200, shown)

    def begin(self, mode: Mode, request: Request) -> None:
        mode.request = request
        mode.begin()

    def end(self, mode: Mode, *, keeps: bool) -> None:
        """Close the transaction, and send its events when it is kept."""
        if mode.journal is None:
            return
        if keeps and not mode.is_rehearsal:
            self.sender.send(mode, mode.commit())
            if self.saved is not None:
                self.saved.is_due = True
        else:
            mode.rollback()
        mode.request = Request()

    def change(self, mode: Mode, function: Any, *arguments: Any) -> Any:
        """Run one change of Stripe's own (a page, the clock) as a transaction."""
        with self.lock:
            self.begin(mode, Request())
            try:
                made = function(mode, *arguments)
            except StripeError as error:
                self.end(mode, keeps=error.keeps_changes)
                raise
            except BaseException:
                self.end(mode, keeps=False)
                raise
            self.end(mode, keeps=True)
            return made

    def tick(self) -> None:
        """Let time pass for what is bound to no test clock, and carry advancing clocks on."""
        for mode in self.modes.values():
            while engine.step(self, mode):
                pass

    def _render(self, mode: Mode, made: Any, params: Object, path: str) -> Object:
        if isinstance(made, routes.Listing):
            return rendering.page(mode, made, params, path)
        return rendering.present(mode, made)
