"""Limits that gateways share: the mirror of what each was granted, and the opening of an epoch from it.

Gateways lease from Redis. When Redis has forgotten what they used, nothing is granted until every host has said it
anew; for a host that is silent the mirror speaks, once what it held must have run out. Source: docs/explain/limits.md.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Final

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apim.gateways.models import Environment, Gateway
from gateway_sync.delivery.models import LimitCount, LimitHost
from gateway_sync.delivery.relaying import relayed_host
from gateway_sync.runtime.lease_scripts import DECLARE, OPEN, TOTAL, Names
from gateway_sync.wire_values import Name, Words

logger = logging.getLogger(__name__)

SILENT: Final = timedelta(seconds=12)  # a host spends what it holds for ten seconds after its last word from Redis
REMEMBERED: Final = timedelta(days=40)  # longer than the longest calendar window
_ROWS_AT_ONCE: Final = 1_000
_TIMEOUT_S: Final = 0.5
_FAR: Final = datetime(2200, 1, 1, tzinfo=UTC)

_MOST_S: Final = 2**40  # later than any window ends
# What columns and scripts of Redis take: else one gateway that lies would keep grants from all of them.
_Moment = Annotated[int, msgspec.Meta(ge=0, le=_MOST_S)]
_Position = Annotated[int, msgspec.Meta(ge=0, le=255)]
_Granted = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # Lua's numbers are exact so far
_Cell = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Host = Annotated[str, msgspec.Meta(pattern=rf"^(?!{TOTAL}\Z)[0-9A-Za-z-]{{1,16}}\Z")]
Told = tuple[_Cell, _Position, _Moment, _Granted, _Moment]  # (cell, position, start, granted, end of the window)


class LimitsReport(msgspec.Struct, frozen=True):
    """What a host says of the limits that it shares. Shapes: is_relayed = it does not reach Redis itself."""

    host: _Host
    state: Name
    epoch: Words = ""
    counts: tuple[Told, ...] = ()
    is_relayed: bool = False


class _Report(msgspec.Struct, frozen=True):
    limits: LimitsReport | None = None


_report = msgspec.json.Decoder(_Report)


@dataclass(frozen=True, slots=True)
class Opening:
    """An epoch that is not open yet: the hosts that have said what they used, and how long it is waited for."""

    name: str
    declared: frozenset[str]
    age: timedelta


def sharing_gateways(environment: Environment, database: str) -> int:
    """By how many gateways limits are shared: all that there are, and those whose counts may still matter; 0 for one.

    Who was removed goes on being counted, so that the last gateway does not begin anew where the others stopped.
    """
    present = Gateway.objects.using(database).filter(environment=environment).order_by().values_list("id", flat=True)
    since = timezone.now() - REMEMBERED
    counted = LimitHost.objects.using(database).filter(environment=environment, seen_at__gte=since)
    number = len(present.union(counted.values_list("gateway_id", flat=True)))
    return number if number > 1 else 0


def limits_in(body: bytes) -> LimitsReport | None:
    """What a report says of limits; None when it says nothing. Errors: ValueError for another shape."""
    return _report.decode(body).limits


def note_limits(gateway: Gateway, told: LimitsReport) -> None:
    """Keep what a report said of limits, and open the epoch that its hosts wait for once all is known."""
    _keep(gateway, told)
    if told.state == "waiting":
        try:
            open_epoch(gateway.environment)
        except RedisError as error:
            logger.warning("limits of %s wait for Redis: %s", gateway.environment, error)


@transaction.atomic
def _keep(gateway: Gateway, told: LimitsReport) -> None:
    names = [told.host, relayed_host(gateway.name, told.host)]
    name = names.pop(int(told.is_relayed))
    host, is_new = LimitHost.objects.update_or_create(
        environment_id=gateway.environment_id,
        name=name,
        defaults={
            "gateway_id": gateway.id,
            "state": told.state[:12],
            "epoch": told.epoch[:80],
            "seen_at": timezone.now(),
        },
    )
    if is_new:  # it came to reach Redis, or ceased to: what is on its disk is said by its new name alone
        LimitHost.objects.filter(environment_id=gateway.environment_id, gateway_id=gateway.id, name__in=names).delete()
    if not told.counts:
        return
    LimitCount.objects.bulk_create(
        [
            LimitCount(host=host, cell=cell, position=position, start=start, granted=granted, ends_at=_moment(end))
            for (cell, position, start), (granted, end) in sorted({each[:3]: each[3:] for each in told.counts}.items())
        ],
        update_conflicts=True,
        unique_fields=("host", "cell", "position", "start"),
        update_fields=("granted", "ends_at"),
        batch_size=_ROWS_AT_ONCE,
    )


def open_epoch(environment: Environment) -> bool:
    """True when grants may begin anew: every host has said what it used, or is silent and the mirror said it.

    Errors: RedisError.
    """
    names, client = Names(environment.name), limits_redis()
    opening = _opening(names, client)
    if opening is None:
        return False
    now = timezone.now()
    hosts = list(LimitHost.objects.filter(environment=environment, seen_at__gte=now - REMEMBERED))
    missing = [host for host in hosts if host.name not in opening.declared and host.state != "alone"]
    if any(host.state == "joining" and host.seen_at > now - SILENT for host in missing):
        return False  # it counts alone until it stops and says what it used
    known = {host.gateway_id for host in hosts}
    # Who has not heard yet that limits are shared counts for itself, and says what it used as soon as it has.
    unheard = Gateway.objects.filter(environment=environment, seen_at__gte=now - SILENT).exclude(id__in=known)
    if opening.age < SILENT and (missing or unheard.exists()):
        return False
    for host in missing:
        _declare_for(host, names, opening.name, client)
    return bool(client.eval(OPEN, 2, names.opening, names.epoch, opening.name))


def _opening(names: Names, client: Redis) -> Opening | None:
    name = client.get(names.opening)
    if not isinstance(name, bytes):
        return None
    declared = client.smembers(names.declared(name.decode()))
    began = int(name.decode().split(".")[1])
    age = timedelta(seconds=client.time()[0] - began)
    return Opening(name.decode(), frozenset(each.decode() for each in declared if isinstance(each, bytes)), age)


def _declare_for(host: LimitHost, names: Names, opening: str, client: Redis) -> None:
    """Say for a silent host what it was granted, as far as it told."""
    counts = host.counts.filter(ends_at__gt=timezone.now())
    for count in counts.iterator():
        key = names.count(opening, bytes.fromhex(count.cell), count.position, count.start)
        client.eval(DECLARE, 1, key, host.name, str(count.granted), str(int(count.ends_at.timestamp())))


def forget_old_limits(now: datetime, most: int = 5_000) -> int:
    """Delete counts of windows that are over; the number of rows deleted."""
    ids: Sequence[int] = list(LimitCount.objects.filter(ends_at__lt=now).values_list("pk", flat=True)[:most])
    return LimitCount.objects.filter(pk__in=ids).delete()[0]


def _moment(seconds: int) -> datetime:
    return min(datetime.fromtimestamp(min(seconds, int(_FAR.timestamp())), UTC), _FAR)


def limits_redis() -> Redis:
    """Where gateways meet."""
    return _client(settings.REDIS_URL)


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 1)
    )  # fmt: skip
