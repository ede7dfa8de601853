"""Delivery of events: signed, asynchronous, retried; on demand held, lost, twice or in another order.

Source: docs.stripe.com/webhooks (signatures, retries, event ordering, duplicates).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import queue
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.stripe_server.events import is_type
from tests.stripe_server.rendering import present
from tests.stripe_server.store import Mode, Object

RETRY_AFTER_S = (1.0, 4.0, 15.0)  # a sandbox retries three times over a few hours; here within seconds
_TIMEOUT_S = 30.0
_DELIVERED = range(200, 300)
MODES = frozenset({"deliver", "hold", "lose"})


@dataclass(slots=True)
class Delivery:
    """One attempt to come."""

    livemode: bool
    endpoint: str
    event: str
    attempt: int = 0
    due: float = 0.0


@dataclass(slots=True)
class Sender:
    """Keeps what is to be delivered; each delivery is made on one of its threads.

    Shapes: mode `hold` keeps deliveries until they are released; `lose` forgets them. log has one row an attempt.
    """

    lock: Any
    modes: dict[bool, Mode]
    mode: str = "deliver"
    copies: int = 1
    held: list[Delivery] = field(default_factory=list)
    log: list[Object] = field(default_factory=list)
    retry_after: tuple[float, ...] = RETRY_AFTER_S
    waiting: int = 0
    timers: set[threading.Timer] = field(default_factory=set)
    _queue: queue.Queue[Delivery | None] = field(default_factory=queue.Queue)

    def start(self, threads: int = 2) -> None:
        for _ in range(threads):
            threading.Thread(target=self._work, daemon=True).start()

    def send(self, mode: Mode, events: list[Object]) -> None:
        """Hand the events to the endpoints that want them; the caller holds the lock."""
        for event in events:
            for endpoint in mode.all("webhook_endpoint", status="enabled"):
                if not any(is_type(event["type"], wanted) for wanted in endpoint["enabled_events"]):
                    continue
                event["pending_webhooks"] += 1
                for _ in range(self.copies):
                    self._take(Delivery(mode.livemode, endpoint["id"], event["id"]))

    def reset(self) -> None:
        """Deliver again as usual; forget what was held and what was done."""
        self.mode, self.copies, self.held, self.log, self.retry_after = "deliver", 1, [], [], RETRY_AFTER_S
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()

    def _take(self, delivery: Delivery) -> None:
        if self.mode == "lose":
            self.log.append({"event": delivery.event, "endpoint": delivery.endpoint, "outcome": "lost"})
        elif self.mode == "hold":
            self.held.append(delivery)
        else:
            self._enqueue(delivery)

    def _enqueue(self, delivery: Delivery) -> None:
        self.waiting += 1
        self._queue.put(delivery)

    def release(self, order: str = "as_made", copies: int = 1, seed: int = 0) -> int:
        """Deliver what is held; `order` is as_made, reversed or shuffled. The number of deliveries."""
        with self.lock:
            held, self.held = self.held * copies, []
            if order == "reversed":
                held.reverse()
            elif order == "shuffled":
                random.Random(seed).shuffle(held)  # noqa: S311 -- to be repeatable, not secret
            for each in held:
                self._enqueue(Delivery(each.livemode, each.endpoint, each.event))
            return len(held)

    def resend(self, event: str, copies: int = 1) -> int:
        """Deliver one event once more to every endpoint of its mode, as `stripe events resend` does."""
        made = 0
        with self.lock:
            for mode in self.modes.values():
                if mode.peek("event", event) is None:
                    continue
                for endpoint in mode.all("webhook_endpoint", status="enabled"):
                    for _ in range(copies):
                        self._enqueue(Delivery(mode.livemode, endpoint["id"], event))
                        made += 1
        return made

    def pending(self) -> Object:
        """What is under way, to wait for silence."""
        with self.lock:
            return {"queued": self.waiting, "retrying": len(self.timers), "held": len(self.held)}

    def _work(self) -> None:
        while (delivery := self._queue.get()) is not None:
            try:
                self._deliver(delivery)
            finally:
                with self.lock:
                    self.waiting -= 1

    def _deliver(self, delivery: Delivery) -> None:
        with self.lock:
            mode = self.modes[delivery.livemode]
            endpoint, event = mode.peek("webhook_endpoint", delivery.endpoint), mode.peek("event", delivery.event)
            if endpoint is None or event is None:
                return
            body = json.dumps(present(mode, event), indent=2).encode()
            url, secret = endpoint["url"], endpoint["_secret"]
        status = post(url, body, secret)
        is_delivered = status in _DELIVERED
        with self.lock:
            self.log.append(
                {"event": event["id"], "type": event["type"], "endpoint": delivery.endpoint,
                 "attempt": delivery.attempt + 1, "status": status, "outcome": "ok" if is_delivered else "failed"}
            )  # fmt: skip
            if is_delivered:
                event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
            elif delivery.attempt < len(self.retry_after):
                self._retry(delivery)

    def _retry(self, delivery: Delivery) -> None:
        later = Delivery(delivery.livemode, delivery.endpoint, delivery.event, delivery.attempt + 1)
        timer = threading.Timer(self.retry_after[delivery.attempt], self._retry_now)
        timer.args = [later, timer]
        timer.daemon = True
        self.timers.add(timer)
        timer.start()

    def _retry_now(self, delivery: Delivery, timer: threading.Timer) -> None:
        with self.lock:
            if timer in self.timers:
                self.timers.remove(timer)
                self._enqueue(delivery)


def signature(body: bytes, secret: str, at: int | None = None) -> str:
    """The header Stripe-Signature. Source: docs.stripe.com/webhooks#verify-manually."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def post(url: str, body: bytes, secret: str) -> int:
    """The status an endpoint answered with; 0 when it could not be reached. Redirects are failures."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(body, secret),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        return connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
