"""Relaying: what gateways that do not reach Redis say of limits, said to Redis for them.

Owns: for which host it is said. That comes from the token alone, so no gateway can speak for another.
"""

from __future__ import annotations

import hashlib
from typing import Final

from redis import Redis

from gateway_sync.runtime.lease_scripts import ALL, Names
from gateway_sync.runtime.lease_words import Saying, commands_of

MOST_BYTES: Final = 1_048_576
_MARK_BYTES: Final = 7


def relay(saying: Saying, gateway_name: str, client: Redis) -> list[object]:
    """What Redis answers to each word of the gateway. Errors: RedisError."""
    commands = commands_of(saying.words, Names(saying.environment), relayed_host(gateway_name, saying.disk))
    with client.pipeline(transaction=False) as pipeline:
        for script in ALL:
            pipeline.script_load(script)  # a Redis that was restarted knows none
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        return list(pipeline.execute())[len(ALL) :]


def relayed_host(gateway_name: str, disk: str) -> str:
    """The host of a gateway's counts. Shapes: 31 characters with a dot, which hosts that say it themselves have not.

    A gateway that joins anew by its name goes on with the counts on its disk; another disk is another host.
    """
    return f"{hashlib.blake2b(gateway_name.encode(), digest_size=_MARK_BYTES).hexdigest()}.{disk}"
