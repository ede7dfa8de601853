"""What all web processes count together: limits of log-ins and mails by address, codes that were used already.

Owns: the way to Redis, and what happens while it is away: each process goes on with a count of its own, so people can
log in and a flood is held back still, less sharply. Must not know: what is counted.

What is stored is JSON: whoever can write to Redis puts no program into a web process.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

_WITHIN_S: Final = 0.3  # of each try; a log-in waits for no longer than two of them
_PAUSE_S: Final = 5.0  # until Redis is asked again
_KEPT_HERE: Final = 20_000
_BATCH: Final = 500


class JSONSerializer:
    """Values as JSON; whole numbers as Redis counts them."""

    def dumps(self, value: object) -> str:
        """The value as text. Errors: TypeError for what JSON has no word for."""
        return json.dumps(value)

    def loads(self, text: bytes) -> Any:
        """The value again."""
        return json.loads(text)


class SharedCache(BaseCache):
    """Django's cache in Redis, and in this process while Redis does not answer."""

    _asked_again_at: ClassVar[dict[str, float]] = {}  # by server: every thread has a SharedCache of its own

    def __init__(self, server: str, params: Mapping[str, Any]) -> None:
        """Shapes: server is a redis:// or unix:// address; params as Django's caches take them."""
        super().__init__(dict(params))
        self._server = server
        waits = {"socket_timeout": _WITHIN_S, "socket_connect_timeout": _WITHIN_S, "retry": Retry(NoBackoff(), 1)}
        self._far = RedisCache(server, {**params, "OPTIONS": {"serializer": JSONSerializer, **waits}})
        self._near = LocMemCache(f"near {server}", {**params, "OPTIONS": {"MAX_ENTRIES": _KEPT_HERE}})

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """See BaseCache."""
        return bool(self._ask("add", key, value, timeout=timeout, version=version))

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        """See BaseCache."""
        return self._ask("get", key, default, version=version)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        """See BaseCache."""
        self._ask("set", key, value, timeout=timeout, version=version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """See BaseCache."""
        return bool(self._ask("touch", key, timeout=timeout, version=version))

    def delete(self, key: Any, version: Any = None) -> bool:
        """See BaseCache."""
        return bool(self._ask("delete", key, version=version))

    def incr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        """See BaseCache."""
        return int(self._ask("incr", key, delta, version=version))

    def has_key(self, key: Any, version: Any = None) -> bool:
        """See BaseCache."""
        return bool(self._ask("has_key", key, version=version))

    def clear(self) -> None:
        """Drop what this cache holds; the rest of the server, such as queues of tasks, stays."""
        self._near.clear()
        try:
            client = self._far._cache.get_client(write=True)  # noqa: SLF001 - Django's clear() drops the whole database
            keys = list(client.scan_iter(match=f"{self.key_prefix}:*", count=_BATCH))
            for start in range(0, len(keys), _BATCH):
                client.delete(*keys[start : start + _BATCH])
        except (RedisError, OSError):
            logger.debug("nothing to clear in Redis, which does not answer")

    def _ask(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What Redis answers, or this process alone when it was silent just now."""
        if time.monotonic() >= self._asked_again_at.get(self._server, 0.0):
            try:
                return getattr(self._far, name)(*arguments, **options)
            except (RedisError, OSError) as error:
                self._asked_again_at[self._server] = time.monotonic() + _PAUSE_S
                logger.warning("limits are counted in each web process alone, for Redis does not answer: %s", error)
        return getattr(self._near, name)(*arguments, **options)
