"""Heartbeats: a task of each queue notes that it ran, and how long it had waited.

Beat sends one to each queue every PERIOD_S. What is found in Redis tells beat and worker apart: tasks that wait and
nobody takes are a worker's fault; no tasks at all are beat's.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from redis import Redis, RedisError

logger = logging.getLogger(__name__)

PERIOD_S: Final = 15
DEFAULT_QUEUE: Final = "default"
_KEY: Final = "apim:heartbeats"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Units: lag_s is how long the task waited in its queue."""

    at: datetime
    lag_s: float


def note_heartbeat(client: Redis, queue: str, *, at: datetime, sent_at: datetime | None) -> None:
    """Keep that the queue's worker lives. A Redis that is gone is told by its own check."""
    lag_s = max(0.0, (at - sent_at).total_seconds()) if sent_at else 0.0
    try:
        client.hset(_KEY, queue, json.dumps({"at": at.timestamp(), "lag_s": lag_s}))
    except (RedisError, OSError) as error:
        logger.warning("the heartbeat of %s was not noted: %s", queue, error)


def read_heartbeats(client: Redis) -> dict[str, Heartbeat]:
    """The last heartbeat of each queue. Errors: those of redis."""
    return {_text(name): _read(_text(raw)) for name, raw in client.hgetall(_KEY).items()}


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw


def _read(raw: str) -> Heartbeat:
    told = json.loads(raw)
    return Heartbeat(datetime.fromtimestamp(told["at"], UTC), float(told["lag_s"]))
