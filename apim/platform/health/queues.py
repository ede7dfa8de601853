"""Celery: beat, the workers of both queues, and what waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext
from redis import Redis, RedisError

from apim.gateways.constants import PUBLISHING_QUEUE
from apim.listing import enumerated
from apim.platform.health.stores import open_redis
from apim.platform.health.verdicts import Verdict, amber, green, red
from apim.platform.heartbeats import DEFAULT_QUEUE, PERIOD_S, Heartbeat, read_heartbeats

FRESH: Final = timedelta(seconds=4 * PERIOD_S)
LAGS_S: Final = 10.0
DEEP: Final = 1000
_START_WORKER: Final = "celery -A apim.config worker -Q default"
_START_PUBLISHER: Final = "celery -A apim.config worker -Q publishing -P solo"
_START_BEAT: Final = "celery -A apim.config beat"


def beat() -> Verdict:
    """Whether it sends: a fresh heartbeat, or tasks that wait for a worker."""
    try:
        with open_redis() as client:
            beats, waiting = read_heartbeats(client), sum(_depths(client).values())
    except (RedisError, OSError):
        return _unknown()
    newest = max((each.at for each in beats.values()), default=None)
    if newest is not None and timezone.now() - newest < FRESH:
        return green(gettext("Celery beat sends what is due."))
    if waiting:
        return amber(
            gettext("Nobody takes what beat sent, so whether it still sends cannot be told. Start the workers.")
        )
    text = gettext("Celery beat sends nothing: mails, retention and billing stand still.")
    return red(text, command=_START_BEAT)


def worker() -> Verdict:
    """Whether the workers of the default queue take tasks in time."""
    return _queue(DEFAULT_QUEUE, _START_WORKER)


def publisher() -> Verdict:
    """Whether the publishing worker takes tasks in time."""
    return _queue(PUBLISHING_QUEUE, _START_PUBLISHER)


def depths() -> Verdict:
    """How many tasks wait."""
    try:
        with open_redis() as client:
            waiting = _depths(client)
    except (RedisError, OSError):
        return _unknown()
    words = enumerated(f"{queue} {count}" for queue, count in waiting.items())
    if max(waiting.values()) >= DEEP:
        text = gettext("Many tasks wait: %(queues)s. Start more workers.")
        return amber(text % {"queues": words}, command=_START_WORKER)
    return green(gettext("Tasks that wait: %(queues)s.") % {"queues": words})


def _queue(queue: str, command: str) -> Verdict:
    try:
        with open_redis() as client:
            last, waiting = read_heartbeats(client).get(queue), _depths(client)[queue]
    except (RedisError, OSError):
        return _unknown()
    return _verdict(last, waiting, command)


def _verdict(last: Heartbeat | None, waiting: int, command: str) -> Verdict:
    if last is not None and timezone.now() - last.at < FRESH:
        lag = {"seconds": f"{last.lag_s:.1f}"}
        if last.lag_s >= LAGS_S:
            return amber(gettext("Tasks wait %(seconds)s s before a worker takes them.") % lag, command=command)
        return green(gettext("Tasks are taken after %(seconds)s s.") % lag)
    if waiting:
        return red(gettext("No worker takes tasks; %(count)d wait.") % {"count": waiting}, command=command)
    return amber(gettext("No task came lately, so whether a worker lives cannot be told. Look at beat."))


def _depths(client: Redis) -> dict[str, int]:
    return {queue: int(client.llen(queue)) for queue in (DEFAULT_QUEUE, PUBLISHING_QUEUE)}


def _unknown() -> Verdict:
    return red(gettext("It cannot be told while Redis does not answer."))
