"""Asking the publishing process to act, without ever failing who asks.

Owns: the message sent on commit. Must not know: what publishing does. A message that is lost costs a second: the
publishing process looks for waiting environments by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from apim import broker
from apim.gateways.constants import PUBLISH_TASK, PUBLISHING_QUEUE


@dataclass(frozen=True, slots=True)
class _Announcement:
    """The callback of one environment; equal ones are registered once a transaction."""

    environment_id: str

    def __call__(self) -> None:
        """Send the publish task."""
        broker.announce(PUBLISH_TASK, (self.environment_id,), queue=PUBLISHING_QUEUE)


def announce_on_commit(environment_id: str) -> None:
    """Send the publish task of an environment once the transaction commits."""
    announcement = _Announcement(environment_id)
    connection = transaction.get_connection()
    if not any(callback == announcement for _, callback, *_ in connection.run_on_commit):
        transaction.on_commit(announcement)
