"""An exchange that lasts, as a WebSocket does, keeps no segment of the spool from being deleted (R6)."""

from __future__ import annotations

from pathlib import Path

from gateway_sync.runtime.observing import Observer, Seen
from gateway_sync.runtime.spool import Spool
from gateway_sync.runtime.spool_format import READMIT
from gateway_sync.runtime.spool_reader import Boot, Segment
from gateway_sync.usage_wire import UsageCell

CONTEXT = b"\x1f".join(b"abcdefg"[place : place + 1] for place in range(7))
BOOT = "b" * 32


class Told:
    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def take(self, seen: Seen) -> None:
        self.seen.append(seen)

    def take_cells(self, cells: list[UsageCell]) -> None:
        raise AssertionError(cells)

    def flush(self) -> None:
        pass


def fill(spool: Spool) -> None:
    """Exchanges until the next segment is written to."""
    segment = spool.segment
    while spool.segment == segment:
        spool.number += 1
        assert spool.admit(spool.number, 1, b"", b"/short", CONTEXT)
        assert spool.finish(spool.number, 200, 0, 1, 1, 0, 0)


def look(boot: Boot, folder: Path) -> list[bytes]:
    """What is read of the spool, delivered at once."""
    for path in sorted(folder.glob("*.spool")):
        boot.segments.setdefault(path.name, Segment(path))
    assert boot.read(10**6, is_live=True)
    records, boot.records = boot.records, []
    boot.forget()
    return records


def test_what_is_noted_again_frees_the_segment_where_it_began_and_is_counted_once(tmp_path: Path) -> None:
    spool, boot, told = Spool(tmp_path, BOOT, 0, 2**40), Boot(BOOT, 0, tmp_path / "cells"), Told()
    observer = Observer(tmp_path, lambda: {BOOT: 0}, (told,), is_always_wanted=True)
    spool.number += 1
    lasting = spool.number
    assert spool.admit(lasting, 7, b"mine", b"/lasting", CONTEXT)
    observer.read({BOOT: 0})
    fill(spool)
    fill(spool)
    observer.read({BOOT: 0})
    look(boot, tmp_path)
    first = tmp_path / f"{BOOT}.0.00000000.spool"
    assert first.exists()  # as long as the exchange is noted there only
    assert spool.admit(lasting, 7, b"mine", b"/lasting", CONTEXT, READMIT)
    look(boot, tmp_path)
    assert not first.exists()
    fill(spool)
    assert spool.finish(lasting, 101, 0, 5, 1, 10, 20)
    records = look(boot, tmp_path)
    observer.read({BOOT: 0})
    assert sum(b"/lasting" in record for record in records) == 1
    assert boot.admitted == {}
    assert [seen.status for seen in told.seen if b"/lasting" in seen.admission] == [101]
    assert all(seen.context is not None for seen in told.seen)
    assert len(told.seen) == spool.number
