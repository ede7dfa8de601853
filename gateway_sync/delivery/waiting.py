"""Waiting requests: how many there may be, and how they learn that something is new.

Owns: one thread a process that reads the environments' counters while somebody waits. Must not know: what is new.
It polls the database because that works without Redis and costs one small query a tick, however many wait.
"""

from __future__ import annotations

import logging
import threading
import time

from django.db import Error, connection

from apim.gateways.models import Environment
from gateway_sync.delivery.places import Places

logger = logging.getLogger(__name__)

_TICK_S = 0.15
_PAUSE_AFTER_ERROR_S = 1.0
_IDLE_S = 1.0  # the thread and its database connection end when nobody has waited for so long

Counters = tuple[int, int, float]


class Watch:
    """Wakes those that wait when the counters of their environment move.

    Shapes: a counter is (published revision, access sequence, when sent); whoever waits holds one of places.
    """

    def __init__(self, limit: int) -> None:
        self.places = Places(limit, each=4)
        self._changed = threading.Condition()
        self._counters: dict[str, Counters] = {}
        self._thread: threading.Thread | None = None
        self._last_used = 0.0

    def wait(self, environment_id: str, seen: Counters, deadline: float) -> bool:
        """True as soon as the counters are not those seen; False at the deadline, in monotonic seconds."""
        with self._changed:
            self._last_used = time.monotonic()
            if self._thread is None:
                # What an earlier thread saw may be older than what the caller saw; it must not wake anybody.
                self._counters.clear()
                self._thread = threading.Thread(target=self._run, name="delivery-watch", daemon=True)
                self._thread.start()
            return self._changed.wait_for(
                lambda: self._counters.get(environment_id, seen) != seen, max(0.0, deadline - time.monotonic())
            )

    def _run(self) -> None:
        while True:
            try:
                counters = read_counters()
                pause_s = _TICK_S
            except Error as error:
                logger.warning("the watch cannot read the database: %s", error)
                connection.close()
                counters, pause_s = self._counters, _PAUSE_AFTER_ERROR_S
            with self._changed:
                if counters != self._counters:
                    self._counters = counters
                    self._changed.notify_all()
                if self.places.taken:
                    self._last_used = time.monotonic()
                elif time.monotonic() - self._last_used > _IDLE_S:
                    self._thread = None
                    break
            time.sleep(pause_s)
        connection.close()


def read_counters() -> dict[str, Counters]:
    """The counters of every environment."""
    named = ("id", "published_revision", "access_seq", "published_at")
    return {environment.pk: counters_of(environment) for environment in Environment.objects.only(*named)}


def counters_of(environment: Environment) -> Counters:
    """Its counters, as they were when it was read."""
    at = environment.published_at
    return environment.published_revision, environment.access_seq, at.timestamp() if at else 0.0
