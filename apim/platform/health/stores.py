"""The stores: database, its schema, Redis, and whether their clocks agree with ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from apim.platform.health.verdicts import Verdict, amber, green, red

TIMEOUT_S: Final = 2.0
_MOST_SKEW: Final = timedelta(seconds=2)
_BAD_SKEW: Final = timedelta(seconds=30)
_NEARLY_FULL: Final = 0.9


def open_redis() -> Redis:
    """A client that waits for TIMEOUT_S at most."""
    waits = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(settings.REDIS_URL, **waits)


def database() -> Verdict:
    """Whether it answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    kind = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}.get(connection.vendor, connection.vendor)
    return green(gettext("%(kind)s answers.") % {"kind": kind})


def migrations() -> Verdict:
    """Whether the schema is that of the code."""
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    unknown = set(executor.loader.applied_migrations) - set(executor.loader.disk_migrations)
    if unknown:
        name = ".".join(max(unknown))
        text = gettext("The database was written by a newer version of apim: it has %(name)s. Start that version.")
        return red(text % {"name": name})
    if waiting:
        text = ngettext("%(count)d migration waits.", "%(count)d migrations wait.", len(waiting))
        return red(text % {"count": len(waiting)}, command="python manage.py migrate")
    return green(gettext("The schema is that of this version."))


def database_clock() -> Verdict:
    """How far the database's clock is from ours; SQLite has ours."""
    if connection.vendor != "postgresql":
        return green(gettext("SQLite uses the clock of this machine."))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    return _skew(row[0] - timezone.now() if row else timedelta())


def redis() -> Verdict:
    """Whether it answers, and has memory left."""
    try:
        with open_redis() as client:
            facts = client.info("memory")
    except (RedisError, OSError) as error:
        text = gettext("Redis does not answer (%(reason)s). Gateways pull changes meanwhile; tasks and mails wait.")
        told = text % {"reason": str(error) or type(error).__name__}
        limits = gettext("Each web process counts log-ins alone, so their limits are less strict.")
        is_bundled = settings.REDIS_URL.startswith("unix:")  # the one that script/up starts
        return red(f"{told} {limits}", command="script/up" if is_bundled else "systemctl status redis")
    most, used = int(facts.get("maxmemory", 0)), int(facts.get("used_memory", 0))
    if most and used > most * _NEARLY_FULL:
        text = gettext("Redis uses %(percent)d %% of the memory it may have. Raise maxmemory.")
        return amber(text % {"percent": 100 * used // most})
    return green(gettext("Redis answers and uses %(mib)d MiB.") % {"mib": used // 2**20})


def redis_keeping() -> Verdict:
    """Whether it forgets nothing: not when its memory is full, and not over a restart."""
    try:
        with open_redis() as client:
            policy, is_kept = (
                client.info("memory").get("maxmemory_policy"),
                client.info("persistence").get("aof_enabled"),
            )
    except (RedisError, OSError):
        return red(gettext("Redis does not answer."))
    if policy != "noeviction":
        text = gettext(
            "Redis throws keys away when its memory is full (maxmemory-policy %(policy)s): quotas would begin anew and"
            " tasks be lost. Set it to noeviction, in its file of settings too."
        )
        return red(text % {"policy": policy}, command=_redis_cli("CONFIG SET maxmemory-policy noeviction"))
    if not is_kept:
        text = gettext(
            "Redis keeps nothing over a restart (appendonly no): tasks would be lost, and leased quotas be counted from"
            " the database. Set it to yes, in its file of settings too."
        )
        return amber(text, command=_redis_cli("CONFIG SET appendonly yes"))
    return green(gettext("Redis throws nothing away, and keeps what it has over a restart."))


def _redis_cli(order: str) -> str:
    url = settings.REDIS_URL
    path = urlsplit(url).path
    return f"redis-cli -s {path} {order}" if url.startswith("unix:") else f"redis-cli -u $REDIS_URL {order}"


def redis_clock() -> Verdict:
    """How far Redis' clock is from ours."""
    try:
        with open_redis() as client:
            seconds, micros = client.time()
    except (RedisError, OSError):
        return red(gettext("Redis does not answer."))
    return _skew(datetime.fromtimestamp(seconds + micros / 1e6, UTC) - timezone.now())


def _skew(skew: timedelta) -> Verdict:
    seconds = {"seconds": f"{abs(skew).total_seconds():.1f}"}
    if abs(skew) > _BAD_SKEW:
        text = gettext("The clocks are %(seconds)s s apart: keys and sessions may end too early or too late.")
        return red(text % seconds, command="timedatectl set-ntp true")
    if abs(skew) > _MOST_SKEW:
        return amber(gettext("The clocks are %(seconds)s s apart.") % seconds, command="timedatectl set-ntp true")
    return green(gettext("The clocks agree to %(seconds)s s.") % seconds)
