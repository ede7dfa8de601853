"""Dispatch: from an admitted request to the way that its version has to a target.

A request that finds an idle connection to the only target makes no Attempts; one to a version with a pool has a
PooledCall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_sync.messages import Refusal
from gateway_sync.runtime.attempts import Attempts, send_head
from gateway_sync.runtime.pooled import PooledCall

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import VersionEntry
    from gateway_sync.runtime.exchange import Exchange


def dispatch(exchange: Exchange, version: VersionEntry) -> None:
    """Send the request to a target of the version, or refuse it."""
    if version.composites:
        compositions = exchange.serving.compositions
        if compositions is not None and compositions.takes(exchange, version):
            return
    if not version.targets:
        exchange.refuse(Refusal("no-healthy-target"))
        return
    serving = exchange.serving
    exchange.version = version
    exchange.answer_lines = version.answer_lines
    exchange.client.deadline = serving.clock + version.timeout_s + 0.25
    exchange.path = exchange.admission.path[len(version.prefix) :] or b"/"
    if version.pool is not None:
        call = exchange.attempts = PooledCall(exchange, version.pool)
        call.start()
        return
    target = exchange.target = version.targets[0]
    connection = serving.pool_of(target).take()
    if connection is not None:
        send_head(exchange, connection)
    else:
        exchange.attempts = Attempts(exchange)
        exchange.attempts.dial()
