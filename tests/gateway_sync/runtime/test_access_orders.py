"""The access records of a worker whose file was replaced before it came to read it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway_sync.runtime import channel
from gateway_sync.runtime.access_file import encode_records, write_access_file
from gateway_sync.runtime.access_orders import read_access
from gateway_sync.runtime.access_table import AccessTable

KEY = "credential"


def written(path: Path, seq: int, *keys: str) -> str:
    records = encode_records([(KEY, key, {"state": "active"}) for key in keys])
    write_access_file(path, seq, {name: body for name, body in records if body is not None})
    return str(path)


def read(order: channel.ApplyAccess, *later: channel.ToWorker) -> tuple[AccessTable, Sequence[channel.ToWorker]]:
    """What a worker reads that finds these orders behind the first, and then its supervisor gone."""

    async def reading() -> tuple[AccessTable, Sequence[channel.ToWorker]]:
        reader = asyncio.StreamReader()
        for each in later:
            reader.feed_data(channel.encode(each))
        reader.feed_eof()
        return await read_access(order, reader)

    return asyncio.run(reading())


def test_a_file_that_is_gone_is_replaced_by_the_next_one_that_is_there(tmp_path: Path) -> None:
    revoked = encode_records([(KEY, "gone", None)])
    verdicts, apply = channel.Verdicts(["http://a"]), channel.Apply("/next", "d")
    table, passed = read(
        channel.ApplyAccess(encode_records([(KEY, "old", {})]), 5, str(tmp_path / "first.map")),
        verdicts,
        channel.ApplyAccess(revoked, 6),
        channel.ApplyAccess((), 7, str(tmp_path / "second.map")),
        apply,
        channel.ApplyAccess((), 9, written(tmp_path / "third.map", 9, "new")),
        channel.ApplyAccess(revoked, 10),
    )
    assert (table.seq, table.find(KEY, "new"), table.find(KEY, "old")) == (9, {"state": "active"}, None)
    assert passed == [verdicts, apply], "what was ordered meanwhile is obeyed afterwards; what comes later is not read"


def test_a_file_that_is_there_is_read_with_what_changed_since(tmp_path: Path) -> None:
    order = channel.ApplyAccess(encode_records([(KEY, "one", None)]), 4, written(tmp_path / "a.map", 3, "one", "two"))
    table, passed = read(order, channel.Retire())
    assert (table.seq, table.find(KEY, "one"), table.find(KEY, "two")) == (4, None, {"state": "active"})
    assert not passed


def test_without_any_file_single_changes_are_all_there_is() -> None:
    table, _ = read(channel.ApplyAccess(encode_records([(KEY, "one", {})]), 1))
    assert (table.seq, table.find(KEY, "one")) == (1, {})


def test_a_worker_whose_file_never_comes_ends_as_by_a_fault_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(channel.ApplyAccess((), 1, str(tmp_path / "gone.map")), channel.ApplyAccess((), 2))
