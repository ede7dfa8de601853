"""The broker: messages to workers that never fail who sends them, nor keep them waiting.

Owns: the message, and how long a broker that is away is left alone. Must not know: what tasks do. A lost message
costs time, never work: whatever is announced here, a task by the clock finds as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

_PAUSE_AFTER_FAILURE_S = 5.0


@dataclass(slots=True)
class _Broker:
    """When this process may try again; without it each message would wait for the time-out of a hung broker."""

    next_try_at: float = 0.0


_broker = _Broker()


def announce(task: str, *calls: Sequence[str], queue: str | None = None) -> None:
    """Ask workers to run a task now, once for each of its calls; a dead broker is logged and left to the clock.

    Shapes: a call = the arguments of the task; queue None = where the settings route it.
    """
    if not calls or time.monotonic() < _broker.next_try_at:
        return
    try:
        with current_app.connection_for_write(transport_options=settings.BROKER_SEND_OPTIONS) as connection:
            for arguments in calls:
                current_app.send_task(task, args=tuple(arguments), queue=queue, connection=connection, retry=False)
    except (OperationalError, OSError) as error:
        _broker.next_try_at = time.monotonic() + _PAUSE_AFTER_FAILURE_S
        logger.warning("%s waits for the clock: %s", task, error)
