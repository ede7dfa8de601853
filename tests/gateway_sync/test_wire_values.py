"""What comes from outside is read or refused, however it is made: nothing of it ends the task that listens (H25)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Raw

from gateway_sync.runtime.access_state import AccessPage
from gateway_sync.runtime.control_plane import ControlPlane
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.standing import Standing
from gateway_sync.runtime.updates import decode_update
from gateway_sync.usage_wire import decode_ack

DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("decode", "content"),
    [
        (decode_update, b'{"environment":"default","access":{"after":0,"upto":1,"records":' + DEEP + b"}}"),
        (decode_update, b'{"environment":"default","access":{"after":0,"upto":1},"more":' + DEEP + b"}"),
        (decode_ack, b'{"more":' + DEEP + b"}"),
    ],
    ids=["records of a push", "an update", "the ack of usage"],
)
def test_what_is_nested_too_deeply_is_refused_as_anything_unreadable_is(
    decode: Callable[[bytes], object], content: bytes
) -> None:
    with pytest.raises(ValueError, match="nested"):
        decode(content)


def test_records_that_are_nested_too_deeply_are_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        AccessPage(0, 1, records=Raw(b'[["credential","f",{"a":' + DEEP + b"}]]")).changes()


def test_orders_that_are_nested_too_deeply_change_nothing(tmp_path: Path) -> None:
    doors = lambda: Doors("http://127.0.0.1:1", "apimgw_1")  # noqa: E731
    standing = Standing(tmp_path, ControlPlane(doors), doors)
    asyncio.run(standing.hear(b'{"is_draining":true,"more":' + DEEP + b"}"))
    assert not standing.is_draining
