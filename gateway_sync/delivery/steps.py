"""The clockwork of the publishing process: looks once a second for environments that wait.

It runs in the worker itself, so a lost message, a dead broker or an absent beat costs a second and never a change.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from celery import bootsteps
from django.db import Error, connections

from apim.gateways.constants import PUBLISHING_QUEUE
from gateway_sync.delivery.access_digests import take_due_digests
from gateway_sync.delivery.comparing import compare_due
from gateway_sync.delivery.services import publish_pending

if TYPE_CHECKING:
    from celery.worker import WorkController

logger = logging.getLogger(__name__)

_PERIOD_S = 1.0
_STOP_S = 5.0


class PublishPending(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Starts the clockwork in workers that serve the publishing queue."""

    requires = ("celery.worker.components:Pool",)  # after the pool has forked: a child must not inherit the thread

    def __init__(self, parent: WorkController, **options: object) -> None:
        super().__init__(parent, **options)
        self._is_ending = threading.Event()
        self._thread: threading.Thread | None = None

    def include_if(self, parent: WorkController) -> bool:
        """True in the publishing process."""
        return PUBLISHING_QUEUE in parent.app.amqp.queues.consume_from

    def start(self, _parent: WorkController) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="publish-pending", daemon=True)
        self._thread.start()

    def stop(self, _parent: WorkController) -> None:
        """End after the publication under way."""
        self._is_ending.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._is_ending.wait(_PERIOD_S):
            try:
                if not publish_pending():
                    compare_due()
                    take_due_digests()
            except Error as error:
                logger.warning("looking for waiting environments failed: %s", error)
                connections.close_all()
            except Exception:  # the edge of this thread: it must outlive any bug, for all other environments
                logger.exception("looking for waiting environments failed")
        connections.close_all()
