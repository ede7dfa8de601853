"""Asking the publishing process to act, without ever failing who asks.

Owns: the message sent on commit. Must not know: what publishing does. A message that is lost costs a second: the
publishing process looks for waiting environments by itself.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from apim.gateways.constants import PUBLISH_TASK, PUBLISHING_QUEUE

logger = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE_S = 5.0


@dataclass(slots=True)
class _Broker:
    """When this process may try again; without it each request would pay the time-out of a hung broker."""

    next_try_at: float = 0.0


_broker = _Broker()


@dataclass(frozen=True, slots=True)
class _Announcement:
    """The callback of one environment; equal ones are registered once a transaction."""

    environment_id: str

    def __call__(self) -> None:
        """Send the publish task; a dead or hung broker is logged and left to the publishing process."""
        if time.monotonic() < _broker.next_try_at:
            return
        try:
            with current_app.connection_for_write(transport_options=settings.BROKER_SEND_OPTIONS) as connection:
                current_app.send_task(
                    PUBLISH_TASK,
                    args=(self.environment_id,),
                    queue=PUBLISHING_QUEUE,
                    connection=connection,
                    retry=False,
                )
        except (OperationalError, OSError) as error:
            _broker.next_try_at = time.monotonic() + _PAUSE_AFTER_FAILURE_S
            logger.warning("publishing of %s not announced: %s", self.environment_id, error)


def announce_on_commit(environment_id: str) -> None:
    """Send the publish task of an environment once the transaction commits."""
    announcement = _Announcement(environment_id)
    connection = transaction.get_connection()
    if not any(callback == announcement for _, callback, *_ in connection.run_on_commit):
        transaction.on_commit(announcement)
